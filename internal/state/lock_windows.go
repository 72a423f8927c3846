package state

import "os"

// lockFile is false: here files cannot be put aside while somebody may have them open.
func lockFile(*os.File) bool { return false }
