package pluginfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// defaultSection is the section whose options appear in every other one.
const defaultSection = "DEFAULT"

// rawOption is an option as the file has it, before interpolation.
type rawOption struct {
	name  string // in lower case
	value string
	line  int
	// Whether a lone % and quotes have been reported: an option of [DEFAULT] is looked at once a section.
	percentWarned, quoteWarned bool
}

type section struct {
	name    string
	line    int
	options []*rawOption
	index   map[string]*rawOption
}

func newSection(name string, line int) *section {
	return &section{name: name, line: line, index: map[string]*rawOption{}}
}

func (s *section) add(o *rawOption) {
	s.options = append(s.options, o)
	s.index[o.name] = o
}

// ini is a file as Python's configparser reads it with its defaults: full-line comments alone, continuation lines by
// indentation, which may hold blank lines, and no duplicates.
type ini struct {
	defaults *section
	sections []*section
	index    map[string]*section
	warnings []string

	// While reading:
	current *section
	option  *rawOption
	lines   []string // of option's value
	indent  int      // of the line that option or section began on
}

func readINI(text string) (*ini, *Error) {
	f := &ini{defaults: newSection(defaultSection, 0), index: map[string]*section{}}
	if strings.HasPrefix(text, "\ufeff") {
		return nil, fail(1, "the file begins with a byte order mark: save it as UTF-8 without BOM")
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		if !utf8.ValidString(line) {
			return nil, fail(number, "the line is not UTF-8: save the file as UTF-8")
		}
		if err := f.line(number, line); err != nil {
			return nil, err
		}
	}
	f.endOption()
	return f, nil
}

func (f *ini) line(number int, line string) *Error {
	value := strings.TrimFunc(line, isSpace)
	if value == "" {
		if f.option != nil {
			f.lines = append(f.lines, "")
		}
		return nil
	}
	if value[0] == '#' || value[0] == ';' {
		return nil
	}
	indent := utf8.RuneCountInString(line[:strings.IndexFunc(line, func(r rune) bool { return !isSpace(r) })])
	if f.option != nil && indent > f.indent {
		if value[0] == '[' && strings.HasSuffix(value, "]") {
			f.warnings = append(f.warnings, atLine(number)+value+" is indented and so continues the value of "+f.option.name+
				": take out the blanks before it if it is meant as a section")
		}
		f.lines = append(f.lines, value)
		return nil
	}
	f.endOption()
	f.indent = indent
	if name, ok := header(value); ok {
		return f.begin(number, name)
	}
	if f.current == nil {
		return fail(number, "%s stands before the first section: a plugin file begins with [Core]", shown(value))
	}
	return f.begins(number, value)
}

// header takes the name of a section; what follows the bracket is ignored, as Python does.
func header(value string) (string, bool) {
	if value[0] != '[' {
		return "", false
	}
	end := strings.IndexByte(value, ']')
	if end < 2 {
		return "", false
	}
	return value[1:end], true
}

func (f *ini) begin(number int, name string) *Error {
	if name == defaultSection {
		f.current = f.defaults
		return nil
	}
	if before := f.index[name]; before != nil {
		return fail(number, "section [%s] is there already, on line %d: join the two", name, before.line)
	}
	f.current = newSection(name, number)
	f.sections = append(f.sections, f.current)
	f.index[name] = f.current
	return nil
}

// begins reads the first line of an option.
func (f *ini) begins(number int, value string) *Error {
	at := strings.IndexAny(value, "=:")
	if at < 0 {
		return fail(number, `%s is no option: expected "name = value", or blanks before it where it continues the value above`, shown(value))
	}
	name := strings.ToLower(strings.TrimRightFunc(value[:at], isSpace))
	if name == "" {
		return fail(number, "%s has no name before the %q: expected \"name = value\"", shown(value), value[at:at+1])
	}
	if before := f.current.index[name]; before != nil {
		return fail(number, "option %s of section [%s] is there already, on line %d: keep one of them", shown(name), f.current.name, before.line)
	}
	f.option = &rawOption{name: name, line: number}
	f.lines = append(f.lines[:0], strings.TrimFunc(value[at+1:], isSpace))
	f.current.add(f.option)
	return nil
}

// endOption joins the lines of the option that was being read.
func (f *ini) endOption() {
	if f.option == nil {
		return
	}
	f.option.value = strings.TrimRightFunc(strings.Join(f.lines, "\n"), isSpace)
	f.option = nil
}

// isSpace is what Python's str.strip takes for a blank.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
