package parse

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// SyntaxError says where JSON stops making sense.
type SyntaxError struct {
	// Line and Column start at 1; columns count characters, not bytes.
	Line, Column int
	// Err is what is wrong there.
	Err error
}

// Error gives position and cause.
func (e *SyntaxError) Error() string {
	return "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

// EntryError says why one entry is left out.
type EntryError struct {
	// Index is the entry's place in the list, from 0; -1 where the document is a single resource.
	Index int
	// Line is the entry's line, from 1; 0 where it is not known.
	Line int
	// ID is the entry's resource_id where it has one.
	ID string
	// Err is the reason.
	Err error
}

// Error names the entry and the reason, in one line.
func (e *EntryError) Error() string {
	s := "resource"
	if e.Index >= 0 {
		s = "resources[" + strconv.Itoa(e.Index) + "]"
	}
	if e.Line > 0 {
		s = "line " + strconv.Itoa(e.Line) + ": " + s
	}
	if e.ID != "" {
		s += " (" + strconv.Quote(e.ID) + ")"
	}
	return s + " is left out: " + strings.ReplaceAll(e.Err.Error(), "\n", "; ")
}

// Unwrap returns the reason.
func (e *EntryError) Unwrap() error { return e.Err }

// ParseJSON reads the resources of a document; defaults are as for Parse. The errors are an *EntryError for each entry that is left out, or the
// one reason why there are no entries at all. A creation timestamp that is a string holding a number becomes a double,
// as Panoptes' own store makes it (docs/panoptes/runtime.md, section 12); other text stays.
func ParseJSON(data []byte, defaults *pluginsdk.Resource) ([]*pluginsdk.Resource, []error) {
	res, warnings, err := parseJSON(data, defaults)
	if err != nil {
		return nil, []error{err}
	}
	return res, warnings
}

func parseJSON(data []byte, defaults *pluginsdk.Resource) ([]*pluginsdk.Resource, []error, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	res, bad, err := decoder(data, defaults).Resources(data)
	if err != nil {
		return nil, nil, position(data, 1, err)
	}
	return normalized(res), entryErrors(bad, 0), nil
}

// decoder takes all of data: what a document may be large is its reader's to say.
func decoder(data []byte, defaults *pluginsdk.Resource) *panoptesjson.Decoder {
	return panoptesjson.NewDecoder(panoptesjson.DecoderOptions{MaxBytes: len(data), Defaults: defaults})
}

// entryErrors are the entries that are left out; line is theirs, 0 where it is not known.
func entryErrors(bad []panoptesjson.BadResource, line int) []error {
	var warnings []error
	for _, b := range bad {
		warnings = append(warnings, &EntryError{Index: b.Index, Line: line, ID: shortened(b.ID), Err: reason(b.Err)})
	}
	return warnings
}

// normalized makes creation timestamps that are a text holding a number doubles.
func normalized(res []*pluginsdk.Resource) []*pluginsdk.Resource {
	for _, r := range res {
		if r.CreationTimestamp.Text == "" {
			continue
		}
		if seconds, ok := r.CreationTimestamp.Seconds(); ok && !math.IsInf(seconds, 0) {
			r.CreationTimestamp = pluginsdk.NumberTimestamp(pluginsdk.Float(seconds))
			if seconds == 0 {
				r.CreationTimestamp = pluginsdk.NumberTimestamp(pluginsdk.Now())
			}
		}
	}
	return res
}

// reason is an error of the decoder without its place in bytes.
func reason(err *panoptesjson.Error) error {
	field := err.Field
	switch {
	case field == "":
		return err.Err
	case field[0] == '[':
		field = "resources" + field
	}
	return fmt.Errorf("%.200s: %w", field, err.Err)
}

func shortened(id string) string {
	const limit = 100
	if utf8.RuneCountInString(id) > limit {
		return string([]rune(id)[:limit]) + "..."
	}
	return id
}

// position turns the place of an error of the decoder into line and column; the text begins with the line first.
func position(data []byte, first int, err error) error {
	var known *panoptesjson.Error
	if !errors.As(err, &known) {
		return err
	}
	before := data[:known.Offset]
	line := first + bytes.Count(before, []byte("\n"))
	start := bytes.LastIndexByte(before, '\n') + 1
	return &SyntaxError{Line: line, Column: utf8.RuneCount(before[start:]) + 1, Err: reason(known)}
}
