// Package safepath says whether a path can be trusted: whether another user could replace what it names, whether it lies
// on a read-only mount, and whether programs can be run from there.
package safepath

import "errors"

// ErrUnsafe is what the error of Check wraps where somebody else could replace a part of the path.
var ErrUnsafe = errors.New("unsafe path")
