package safefile

import "os"

// Lock is false: here files and folders are not locked in a way that others could see.
func Lock(*os.File) bool { return false }
