package expr

import "fmt"

// Error is what evaluating an expression raises, by the name that Python has for it.
type Error struct {
	// Kind is the class, such as "KeyError"; "ExpressionError" is a limit of ours.
	Kind string
	arg  Value
}

// Error is the text that repr has for the exception.
func (e *Error) Error() string { return e.Kind + "(" + Repr(e.arg) + ")" }

func raise(kind, format string, args ...any) error {
	return &Error{Kind: kind, arg: fmt.Sprintf(format, args...)}
}

// limit says that an evaluation would take too much.
func limit(format string, args ...any) error { return raise("ExpressionError", format, args...) }
