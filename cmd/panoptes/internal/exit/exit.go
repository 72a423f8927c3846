// Package exit holds the exit codes of the command panoptes, and the errors that carry them.
package exit

import (
	"errors"
	"fmt"
)

// Exit codes, the same for every command.
const (
	// OK: it ran, and nothing failed.
	OK = 0
	// Failed: it ran, and the answer is no or something failed.
	Failed = 1
	// Usage: the command line, or a file that it names, is wrong.
	Usage = 2
)

// ErrReported ends a command with Failed where all that went wrong has been said already.
var ErrReported = errors.New("it ran, but not everything went well")

// usageError is an error that ends the command with Usage.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Misuse makes err end the command with Usage; nil stays nil.
func Misuse(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// Misusef is Misuse of fmt.Errorf.
func Misusef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Code returns the exit code for what a command returned. Any error that is not made by Misuse is Failed.
func Code(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &usage):
		return Usage
	}
	return Failed
}
