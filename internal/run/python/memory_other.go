//go:build !linux

package python

import "os"

// memoryFile returns nil: this system has no files in memory that a child could be given.
func memoryFile(string, []byte) (*os.File, error) { return nil, nil }
