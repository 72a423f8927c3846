package scratch

import "io/fs"

// ours is false: without locks that others see nobody knows whose process is gone.
func ours(fs.FileInfo) bool { return false }
