package schema

// Validate says what is wrong with a message, or nil.
func Validate(message []byte) error { return nil }
