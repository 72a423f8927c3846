package pyjson

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error says what is wrong with a text, and where.
type Error struct {
	// Offset is where in the text, in bytes from its beginning.
	Offset int
	// Field is the path of the value that is wrong, such as metrics[3].metric_value; "" for the text as a whole.
	Field string
	// Err is what is wrong.
	Err error
}

func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("%.200s (at byte %d): %v", e.Field, e.Offset, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Located returns err with its place, which is At where it has none.
func (s *Scanner) Located(err error) *Error {
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{Offset: s.At, Err: err}
	}
	return known
}

// In names the field that an error is about, a key or an index in brackets.
func (s *Scanner) In(field string, err error) error {
	known := s.Located(err)
	if known.Field != "" && known.Field[0] != '[' {
		field += "."
	}
	return &Error{Offset: known.Offset, Field: field + known.Field, Err: known.Err}
}

// Mistakes that do not depend on what stands there.
var (
	errEnd     = errors.New("the text ends too early")
	errTooDeep = fmt.Errorf("values are nested deeper than %d", maxDepth)
	errControl = errors.New("a control character must be escaped in a string")
	errEscape  = errors.New("not an escape of JSON")
)

// unexpected is a mistake that depends on what stands there. Texts that are nothing but mistakes have many of them: each
// is one small allocation.
type unexpected struct{ expected, found string }

func (e *unexpected) Error() string { return "expected " + e.expected + ", found " + e.found }

// Expected says what must stand here, and what does.
func (s *Scanner) Expected(what string) error {
	if s.At >= len(s.Text) {
		return errEnd
	}
	found := Kind(s.Data[s.At:])
	if found == "" {
		r, _ := utf8.DecodeRuneInString(s.Text[s.At:])
		found = strconv.QuoteRune(r)
	}
	return &unexpected{what, found}
}

// Kind tells, for messages, what JSON value begins in text: "an object", "a number", "nothing" at its end, or "" for what
// begins no value.
func Kind(text []byte) string {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 {
		return "nothing"
	}
	switch c := text[0]; {
	case c == '[':
		return "a list"
	case c == '{':
		return "an object"
	case c == '"':
		return "a string"
	case bytes.HasPrefix(text, []byte("true")), bytes.HasPrefix(text, []byte("false")):
		return "a boolean"
	case bytes.HasPrefix(text, []byte("null")):
		return "null"
	case c == '-', c >= '0' && c <= '9', c == 'N', c == 'I':
		return "a number"
	}
	return ""
}

// maxDepth bounds the nesting of values that are skipped, and by it the stack.
const maxDepth = 64
