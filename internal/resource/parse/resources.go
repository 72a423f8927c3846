package parse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/schema"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// SyntaxError says where JSON stops making sense.
type SyntaxError struct {
	// Line and Column start at 1; columns count characters, not bytes.
	Line, Column int
	// Err is what encoding/json says.
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

// ParseJSON reads the resources of a document. The errors are an *EntryError for each entry that is left out, or the
// one reason why there are no entries at all. A creation timestamp that is a string holding a number becomes a double,
// as Panoptes' own store makes it (docs/panoptes/runtime.md, section 12); other text stays.
func ParseJSON(data []byte) ([]*pluginsdk.Resource, []error) {
	res, warnings, err := parseJSON(data)
	if err != nil {
		return nil, []error{err}
	}
	return res, warnings
}

func parseJSON(data []byte) (res []*pluginsdk.Resource, warnings []error, err error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	// The codec is several times as fast; what it does not take, encoding/json explains.
	if list, err := panoptesjson.NewDecoder(panoptesjson.DecoderOptions{MaxBytes: len(data)}).Resources(data); err == nil {
		for _, r := range list {
			normalizeTime(r)
		}
		return list, nil, nil
	}
	list, single, err := entries(data)
	if err != nil {
		return nil, nil, err
	}
	for i, raw := range list {
		r, err := entry(raw)
		if err != nil {
			bad := &EntryError{Index: i, ID: idOf(raw), Err: err}
			if single {
				bad.Index = -1
			}
			warnings = append(warnings, bad)
			continue
		}
		res = append(res, r)
	}
	return res, warnings, nil
}

// entries takes the document apart without looking into the entries.
func entries(data []byte) (list []json.RawMessage, single bool, err error) {
	switch schema.Kind(data) {
	case "a list":
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, false, position(data, err)
		}
		return list, false, nil
	case "an object":
		// A map, because the names of a struct's fields would match in any case.
		var object map[string]json.RawMessage
		if err := json.Unmarshal(data, &object); err != nil {
			return nil, false, position(data, err)
		}
		set, ok := object["resources"]
		if !ok {
			return []json.RawMessage{data}, true, nil
		}
		if schema.Kind(set) != "a list" {
			return nil, false, fmt.Errorf(`"resources" must be a list, is %s`, schema.Kind(set))
		}
		return list, false, json.Unmarshal(set, &list)
	}
	var other json.RawMessage
	if err := json.Unmarshal(data, &other); err != nil {
		return nil, false, position(data, err)
	}
	return nil, false, fmt.Errorf("expected a list of resources, or one resource, is %s", schema.Kind(data))
}

func entry(raw json.RawMessage) (*pluginsdk.Resource, error) {
	if kind := schema.Kind(raw); kind != "an object" {
		return nil, fmt.Errorf("expected an object, is %s", kind)
	}
	r := &pluginsdk.Resource{}
	if err := r.UnmarshalJSON(raw); err != nil {
		return nil, plain(err)
	}
	normalizeTime(r)
	return r, nil
}

// normalizeTime makes a creation timestamp that is a text holding a number a double.
func normalizeTime(r *pluginsdk.Resource) {
	if r.CreationTimestamp.Text == "" {
		return
	}
	if seconds, ok := r.CreationTimestamp.Seconds(); ok && !math.IsInf(seconds, 0) {
		r.CreationTimestamp = pluginsdk.NumberTimestamp(pluginsdk.Float(seconds))
		if seconds == 0 {
			r.CreationTimestamp = pluginsdk.NumberTimestamp(pluginsdk.Now())
		}
	}
}

// plain says without the words of Go's types which field has what.
func plain(err error) error {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) && t.Field != "" {
		return fmt.Errorf("%s must be a string, is a JSON %s", t.Field, t.Value)
	}
	return err
}

func idOf(raw json.RawMessage) string {
	var named struct {
		ID any `json:"resource_id"`
	}
	if schema.Kind(raw) != "an object" || json.Unmarshal(raw, &named) != nil {
		return ""
	}
	id, _ := named.ID.(string)
	const limit = 100
	if utf8.RuneCountInString(id) > limit {
		id = string([]rune(id)[:limit]) + "..."
	}
	return id
}

// position turns the offset of encoding/json's error into line and column.
func position(data []byte, err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	at := int(min(max(syntax.Offset, 0), int64(len(data))))
	// The offset counts the offending byte in, except at the end of the text.
	if at > 0 && syntax.Error() != "unexpected end of JSON input" {
		at--
	}
	before := data[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	start := bytes.LastIndexByte(before, '\n') + 1
	return &SyntaxError{Line: line, Column: utf8.RuneCount(before[start:]) + 1, Err: err}
}
