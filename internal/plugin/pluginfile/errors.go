package pluginfile

import (
	"fmt"
	"strconv"
)

// Error says what is wrong with a plugin file.
type Error struct {
	// Path is the plugin file.
	Path string
	// Line is where in the file, or 0 where it is no single line.
	Line int
	// Reason names the rule that is broken and what to do about it.
	Reason string
	// Err is the cause where there is one, such as an error of the file system.
	Err error
}

// Error gives path, line and reason.
func (e *Error) Error() string {
	s := "plugin file " + strconv.Quote(e.Path)
	if e.Line > 0 {
		s += ", line " + strconv.Itoa(e.Line)
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

func fail(line int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...)}
}
