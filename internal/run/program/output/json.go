package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// readJSON reads values that follow each other, each a group, an array of groups or {"groups": [...]}. A line that does
// not go on as JSON is passed over.
func readJSON(c *collector, data []byte) {
	r := NewReader(c.defaults)
	data = quoteNotNumbers(data)
	v := valueReader{data: data, line: 1, budget: maxWasted(len(data))}
	for !c.done() {
		value, line, err := v.next()
		switch {
		case err != nil:
			c.failf("", "line %d is no JSON: %w, at %q", line, err, excerpt(value))
		case value == nil:
			return
		default:
			c.take(r.values(value))
		}
	}
}

// maxWasted is how many bytes are read again, at most, after values over several lines that turned out to be none.
func maxWasted(size int) int { return 1<<20 + 4*size }

// notNumbers are what Python's json and JavaScript's like write for values that JSON does not have.
var notNumbers = [][]byte{[]byte("-Infinity"), []byte("Infinity"), []byte("NaN")}

// quoteNotNumbers makes texts of them, so that each costs its own metric, and its message shows it. What stands in a text stays.
func quoteNotNumbers(data []byte) []byte {
	if !bytes.Contains(data, []byte("NaN")) && !bytes.Contains(data, []byte("Infinity")) {
		return data
	}
	out := make([]byte, 0, len(data)+len(data)/8)
	inText := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\n':
			inText = false // texts end with their line
		case c == '"':
			inText = !inText
		case c == '\\' && inText && i+1 < len(data) && data[i+1] != '\n':
			out = append(out, c)
			i++
		case !inText && (c == 'N' || c == 'I' || c == '-'):
			if k := slices.IndexFunc(notNumbers, func(n []byte) bool { return bytes.HasPrefix(data[i:], n) }); k >= 0 {
				out = append(append(append(out, '"'), notNumbers[k]...), '"')
				i += len(notNumbers[k]) - 1
				continue
			}
		}
		out = append(out, data[i])
	}
	return out
}

// valueReader takes values off a text. Its work is linear in the length of the text, whatever that has.
type valueReader struct {
	data   []byte
	line   int
	budget int
}

// next takes the next value, which is nil at the end. Where the error is not nil, the value is the rest of the line that
// is none, and the next one is looked for on the line after it.
func (r *valueReader) next() (value json.RawMessage, line int, err error) {
	r.skip(len(r.data) - len(bytes.TrimLeft(r.data, " \t\r\n")))
	if len(r.data) == 0 {
		return nil, r.line, nil
	}
	line = r.line
	end := bytes.IndexByte(r.data, '\n')
	if end < 0 {
		end = len(r.data)
	}
	// A line that is a value counts, whatever stood before it; so it is tried alone first.
	value, n, err := firstValue(r.data[:end])
	if err != nil && end < len(r.data) && r.budget > 0 {
		if value, n, err = firstValue(r.data); err != nil {
			r.budget -= n
		}
	}
	if err != nil {
		rest := r.data[:end]
		r.skip(end)
		return rest, line, err
	}
	r.skip(n)
	return value, line, nil
}

func (r *valueReader) skip(n int) {
	r.line += bytes.Count(r.data[:n], []byte("\n"))
	r.data = r.data[n:]
}

// firstValue reads the value at the beginning of a text; n is how much of the text was looked at.
func firstValue(text []byte) (value json.RawMessage, n int, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	err = dec.Decode(&value)
	n = int(dec.InputOffset())
	if err != nil {
		n = len(text)
		if at := (*json.SyntaxError)(nil); errors.As(err, &at) {
			n = int(at.Offset)
		}
	}
	return value, n, err
}

func excerpt(text []byte) []byte {
	const most = 60
	return text[:min(len(text), most)]
}

// Reader reads metrics groups one at a time. It is not safe for concurrent use.
type Reader struct {
	defaults Defaults
	decoder  *panoptesjson.Decoder
}

// NewReader returns a Reader for the groups of one run.
func NewReader(d Defaults) *Reader {
	return &Reader{defaults: d, decoder: panoptesjson.NewDecoder(panoptesjson.DecoderOptions{Resource: d.Resource})}
}

// values reads the groups of one value.
func (r *Reader) values(value json.RawMessage) []Item {
	list := []json.RawMessage{value}
	switch value[0] {
	case '[':
		if err := json.Unmarshal(value, &list); err != nil {
			return failed("", "%w", err)
		}
	case '{':
		groups, ok, err := groupsOf(value)
		if err != nil {
			return failed("", `"groups" must be an array: %w`, err)
		}
		if ok {
			list = groups
		}
	default:
		return failed("", "%q is no metrics group: write an object, an array of them, or {\"groups\": [...]}", excerpt(value))
	}
	var items []Item
	for _, v := range list {
		items = append(items, r.Group(v)...)
	}
	return items
}

// groupsOf are the groups of {"groups": [...]}.
func groupsOf(value json.RawMessage) (groups []json.RawMessage, ok bool, err error) {
	var head struct {
		Groups *[]json.RawMessage `json:"groups"`
	}
	if !bytes.Contains(value, []byte(`"groups"`)) {
		return nil, false, nil
	}
	if err := json.Unmarshal(value, &head); err != nil || head.Groups == nil {
		return nil, false, err
	}
	return *head.Groups, true, nil
}

// Group reads one metrics group in Panoptes' JSON or in the short form, of which members that break a rule come as items
// of their own.
func (r *Reader) Group(value json.RawMessage) []Item {
	if len(value) == 0 || value[0] != '{' {
		return failed("", "%q is no metrics group: it must be an object", excerpt(value))
	}
	g := &pluginsdk.MetricsGroup{}
	err := r.decoder.Decode(value, g)
	if err == nil {
		return []Item{{Group: g, Type: g.Type}}
	}
	var all members
	if err := json.Unmarshal(value, &all); err != nil {
		return failed("", "%w", err)
	}
	short := false
	for _, m := range all {
		switch m.name {
		case "metrics_group_type":
			return badGroup(panoptesjson.GroupType(value), err)
		case "type":
			short = true
		}
	}
	if !short {
		return failed("", `the object %q has neither "metrics_group_type" nor, as the short form, "type"`, excerpt(value))
	}
	return r.shortGroup(all)
}

// badGroup is the item of a group in Panoptes' JSON that breaks a rule: the error names the field.
func badGroup(groupType string, err error) []Item {
	if at, ok := errors.AsType[*panoptesjson.Error](err); ok {
		err = at.Err
		if at.Field != "" {
			err = fmt.Errorf("%.200s: %w", at.Field, err)
		}
	}
	return failed(groupType, "group %q: %w", groupType, err)
}

func failed(groupType string, format string, args ...any) []Item {
	return []Item{{Type: groupType, Err: fmt.Errorf(format, args...)}}
}
