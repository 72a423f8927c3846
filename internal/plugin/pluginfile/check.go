package pluginfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Check is what the decorator of a check says: a Python function that panoptes.check makes a plugin of.
type Check struct {
	// Name is the function's name.
	Name string
	// Every is the number of seconds between two runs; 0 where the decorator does not say.
	Every int
	// Resources is the filter, "" where the decorator does not say.
	Resources string
	// Rates are the counters that become rates, too.
	Rates []string
	// Group is the type of the metrics groups: the function's name unless given.
	Group string
}

var (
	// decorator is the start of the one that makes a plugin: it stands at the start of a line, as the function does.
	decorator = regexp.MustCompile(`(?m)^@(?:panoptes\.)?check\b[ \t]*`)
	// imported tells it from decorators of the same name.
	imported = regexp.MustCompile(`(?m)^(?:from|import)[ \t]+panoptes\b`)
	function = regexp.MustCompile(`(?m)^def[ \t]+([\pL_][\pL\pN_]*)`)
)

// ErrSecondCheck is what the error of FindCheck wraps where a source has two: which of them runs is chance.
var ErrSecondCheck = errors.New("there is a second @check: one file is one plugin, so move it to a file of its own, with a plugin file")

// FindCheck reads the decorator @check of a Python source, without running it: what it says must be written out, as
// numbers, texts and lists of texts. Without a decorator it returns nil. Its error names the line.
func FindCheck(source []byte) (*Check, error) {
	at := decorator.FindAllIndex(source, 2)
	if at == nil || !imported.Match(source) {
		return nil, nil
	}
	if len(at) > 1 {
		return nil, inLine(lineOf(source, at[1][0]), "%w", ErrSecondCheck)
	}
	var c Check
	r := &literals{source: source, at: at[0][1]}
	if r.take('(') {
		if err := c.readArguments(r); err != nil {
			return nil, err
		}
	}
	name := function.FindSubmatch(source[r.at:])
	if name == nil {
		return nil, inLine(lineOf(source, at[0][0]), "no function follows @check")
	}
	c.Name = string(name[1])
	if c.Group == "" {
		c.Group = c.Name
	}
	return &c, nil
}

func inLine(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{line}, args...)...)
}

func lineOf(source []byte, at int) int { return bytes.Count(source[:at], []byte("\n")) + 1 }

// readArguments reads "name=value, ..." up to the closing bracket.
func (c *Check) readArguments(r *literals) error {
	for {
		r.space()
		if r.take(')') {
			return nil
		}
		line := lineOf(r.source, r.at)
		name := r.name()
		r.space()
		if name == "" || !r.take('=') {
			return inLine(line, "@check takes keywords only, such as every=60")
		}
		r.space()
		err := c.readArgument(r, name)
		r.space()
		if err == nil && !r.take(',') && !r.at1(')') {
			err = fmt.Errorf("@check: %s must be written out, as it is read without running the file", name)
		}
		if err != nil {
			return inLine(line, "%v", err)
		}
	}
}

func (c *Check) readArgument(r *literals, name string) error {
	var ok bool
	switch name {
	case "every":
		if c.Every, ok = r.integer(); !ok || c.Every <= 0 {
			return fmt.Errorf("@check: every must be a whole number of seconds greater than zero, written out, such as every=60")
		}
	case "resources":
		if c.Resources, ok = r.text(); !ok || strings.TrimSpace(c.Resources) == "" {
			return fmt.Errorf(`@check: resources must be a filter, written out, such as resources='resource_class = "network"'`)
		}
	case "group":
		if c.Group, ok = r.text(); !ok || c.Group == "" {
			return fmt.Errorf("@check: group must be a text, written out")
		}
	case "rates":
		if c.Rates, ok = r.texts(); !ok {
			return fmt.Errorf("@check: rates must be a list of names, written out, such as rates=['reads']")
		}
	default:
		return fmt.Errorf("@check has no keyword %q: it has every, resources, rates and group", name)
	}
	return nil
}

// literals reads the literals of Python that a decorator may have.
type literals struct {
	source []byte
	at     int
}

// space skips blanks, line ends and comments.
func (r *literals) space() {
	for r.at < len(r.source) {
		switch r.source[r.at] {
		case ' ', '\t', '\r', '\n', '\f':
			r.at++
		case '#':
			end := bytes.IndexByte(r.source[r.at:], '\n')
			if end < 0 {
				end = len(r.source) - r.at
			}
			r.at += end
		default:
			return
		}
	}
}

func (r *literals) at1(c byte) bool { return r.at < len(r.source) && r.source[r.at] == c }

func (r *literals) take(c byte) bool {
	if !r.at1(c) {
		return false
	}
	r.at++
	return true
}

func (r *literals) while(is func(c byte) bool) string {
	start := r.at
	for r.at < len(r.source) && is(r.source[r.at]) {
		r.at++
	}
	return string(r.source[start:r.at])
}

func (r *literals) name() string {
	return r.while(func(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' })
}

func (r *literals) integer() (int, bool) {
	digits := r.while(func(c byte) bool { return '0' <= c && c <= '9' || c == '_' })
	n, err := strconv.Atoi(strings.ReplaceAll(digits, "_", ""))
	return n, err == nil
}

// texts reads a list or tuple of texts.
func (r *literals) texts() (out []string, ok bool) {
	end := byte(')')
	if r.take('[') {
		end = ']'
	} else if !r.take('(') {
		return nil, false
	}
	for {
		r.space()
		if r.take(end) {
			return out, true
		}
		text, ok := r.text()
		if !ok {
			return nil, false
		}
		out = append(out, text)
		r.space()
		if !r.take(',') && !r.at1(end) {
			return nil, false
		}
	}
}

// text reads texts beside each other, which Python joins.
func (r *literals) text() (string, bool) {
	var out strings.Builder
	for n := 0; ; n++ {
		raw := r.take('r') || r.take('R')
		if !r.at1('\'') && !r.at1('"') {
			return out.String(), n > 0 && !raw
		}
		if !r.quoted(&out, raw) {
			return "", false
		}
		r.space()
	}
}

// escapes are those that filters and names may need; Python has more.
var escapes = map[byte]string{'\\': `\`, '\'': `'`, '"': `"`, 'n': "\n", 't': "\t", 'r': "\r", '\n': ""}

// quoted reads one text in single, double or triple quotes.
func (r *literals) quoted(out *strings.Builder, raw bool) bool {
	quote := r.source[r.at : r.at+1]
	if three := bytes.Repeat(quote, 3); bytes.HasPrefix(r.source[r.at:], three) {
		quote = three
	}
	r.at += len(quote)
	for r.at < len(r.source) {
		if bytes.HasPrefix(r.source[r.at:], quote) {
			r.at += len(quote)
			return true
		}
		c := r.source[r.at]
		r.at++
		switch {
		case c == '\n' && len(quote) == 1:
			return false
		case c == '\\' && !raw && r.at < len(r.source):
			text, known := escapes[r.source[r.at]]
			if !known {
				return false
			}
			r.at++
			out.WriteString(text)
		case c == '\\' && r.at < len(r.source):
			out.Write(r.source[r.at-1 : r.at+1])
			r.at++
		default:
			out.WriteByte(c)
		}
	}
	return false
}

// WantsCheck says whether the file leaves open what the decorator of a check may say, and NeedsCheck whether it cannot
// do without.
func (f *File) WantsCheck() bool { return f.NeedsCheck() || len(f.Config["transforms"]) == 0 }

// NeedsCheck: see WantsCheck.
func (f *File) NeedsCheck() bool {
	_, frequency := f.Config["main"]["execute_frequency"]
	return !frequency || !f.HasResourceFilter
}

// WithCheck returns the file with what the check says where the file itself says nothing. The file is left alone.
func (f *File) WithCheck(c *Check) *File {
	out := *f
	out.Config, out.options = pluginsdk.Config{}, map[string][]Option{}
	for section, options := range f.Config {
		out.Config[section] = maps.Clone(options)
		out.options[section] = slices.Clone(f.options[section])
	}
	out.SectionOrder = slices.Clone(f.SectionOrder)
	if _, given := f.Config["main"]["execute_frequency"]; !given && c.Every > 0 {
		out.set("main", "execute_frequency", strconv.Itoa(c.Every))
		out.ExecuteFrequency = c.Every
	}
	if !f.HasResourceFilter && c.Resources != "" {
		out.set("main", "resource_filter", c.Resources)
		out.ResourceFilter, out.HasResourceFilter = c.Resources, true
	}
	if len(f.Config["transforms"]) == 0 && len(c.Rates) > 0 {
		out.set("transforms", strings.ToLower(c.Group), "rate:"+c.Group+":"+strings.Join(c.Rates, ","))
	}
	return &out
}
