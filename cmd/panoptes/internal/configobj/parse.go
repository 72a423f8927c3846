package configobj

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// MaxBytes is the most bytes a file may have.
	MaxBytes = 1 << 20
	// maxDepth bounds how deep sections lie in each other.
	maxDepth = 32
	// maxErrors is how many mistakes are told.
	maxErrors = 20
)

// parser reads one file.
type parser struct {
	name   string
	lines  []string
	next   int // index of the next line
	root   *Section
	at     *Section
	errs   []error
	broken bool // the section at hand was refused: its keys are read, and belong nowhere
}

// Parse reads a file, of which name is only told in errors. An error joins one for each mistake, as "name:line: ...", up to
// twenty.
func Parse(name string, data []byte) (*Section, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%s: has %d bytes, limit is %d", name, len(data), MaxBytes)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	p := &parser{name: name, root: &Section{}}
	p.at = p.root
	p.lines = strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	for i, line := range p.lines {
		if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
			return nil, fmt.Errorf("%s:%d: is no UTF-8 text", name, i+1)
		}
	}
	for p.next < len(p.lines) && len(p.errs) < maxErrors {
		p.next++
		p.line(strings.TrimSpace(p.lines[p.next-1]))
	}
	if len(p.errs) == 0 {
		p.interpolate()
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.root, nil
}

// fail notes a mistake in a line.
func (p *parser) fail(line int, format string, args ...any) {
	if len(p.errs) < maxErrors {
		p.errs = append(p.errs, fmt.Errorf("%s:%d: %w", p.name, line, fmt.Errorf(format, args...)))
	}
}

func (p *parser) line(text string) {
	switch {
	case text == "" || text[0] == '#':
	case text[0] == '[':
		p.section(text)
	default:
		p.entry(text)
	}
}

// section reads "[[name]]", where the number of brackets is the depth.
func (p *parser) section(text string) {
	line := p.next
	depth := len(text) - len(strings.TrimLeft(text, "["))
	name, rest, err := sectionName(strings.TrimSpace(text[depth:]))
	p.broken = true
	switch closing := len(rest) - len(strings.TrimLeft(rest, "]")); {
	case err != nil:
		p.fail(line, "%w", err)
		return
	case closing != depth || !isComment(rest[closing:]):
		p.fail(line, "a section with %d opening brackets needs as many closing ones, and nothing but a comment after them", depth)
		return
	}
	parent := p.at
	for parent.depth >= depth {
		parent = parent.parent
	}
	switch first := parent.Section(name); {
	case parent.depth != depth-1:
		p.fail(line, "section %q has %d brackets, but the section before it has %d: it can lie one deeper at most", name, depth, p.at.depth)
		return
	case depth > maxDepth:
		p.fail(line, "section %q lies %d deep, limit is %d", name, depth, maxDepth)
		return
	case first != nil:
		p.fail(line, "section %q is there already, in line %d", name, first.Line)
		return
	case parent.Entry(name) != nil:
		p.fail(line, "section %q has the name of the key in line %d", name, parent.Entry(name).Line)
		return
	}
	p.at = parent.addSection(name, line)
	p.broken = false
}

// sectionName splits what follows the opening brackets.
func sectionName(text string) (name, rest string, err error) {
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		end := strings.IndexByte(text[1:], text[0])
		if end < 0 {
			return "", "", fmt.Errorf("the name of the section has no closing %c", text[0])
		}
		return text[1 : end+1], strings.TrimSpace(text[end+2:]), nil
	}
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return "", "", errors.New(`the section has no closing "]"`)
	}
	if name = strings.TrimSpace(text[:end]); name == "" {
		return "", "", errors.New("the section has no name")
	}
	return name, text[end:], nil
}

// entry reads "key = value".
func (p *parser) entry(text string) {
	line := p.next
	key, value, err := splitKey(text)
	if err != nil {
		p.fail(line, "%w", err)
		return
	}
	e := &Entry{Key: key, Line: line}
	if quote, ok := tripleQuote(value); ok {
		text, err := p.multiLine(value[len(quote):], quote)
		if err != nil {
			p.fail(line, "key %q: %w", key, err)
			return
		}
		e.Values = []string{text}
	} else if e.Values, e.List, err = parseValue(value); err != nil {
		p.fail(line, "key %q: %w", key, err)
		return
	}
	switch first := p.at.Entry(key); {
	case p.broken:
	case first != nil:
		p.fail(line, "key %q is there already, in line %d", key, first.Line)
	case p.at.Section(key) != nil:
		p.fail(line, "key %q has the name of the section in line %d", key, p.at.Section(key).Line)
	default:
		p.at.add(e)
	}
}

func splitKey(text string) (key, value string, err error) {
	rest := ""
	if text[0] == '"' || text[0] == '\'' {
		end := strings.IndexByte(text[1:], text[0])
		if end < 0 {
			return "", "", fmt.Errorf("the key has no closing %c", text[0])
		}
		key, rest = text[1:end+1], strings.TrimSpace(text[end+2:])
	} else {
		before, _, _ := strings.Cut(text, "=")
		rest = text[len(before):]
		if key = strings.TrimSpace(before); key == "" {
			return "", "", errors.New(`there is no key before the "="`)
		}
	}
	if rest == "" || rest[0] != '=' {
		return "", "", fmt.Errorf("expected a section, a comment or \"key = value\", found %.40q", text)
	}
	return key, strings.TrimSpace(rest[1:]), nil
}

func tripleQuote(value string) (string, bool) {
	for _, quote := range [...]string{`"""`, "'''"} {
		if strings.HasPrefix(value, quote) {
			return quote, true
		}
	}
	return "", false
}

// multiLine reads the lines up to a closing quote.
func (p *parser) multiLine(first, quote string) (string, error) {
	var text strings.Builder
	for part := first; ; {
		inside, after, closed := strings.Cut(part, quote)
		text.WriteString(inside)
		if closed {
			if !isComment(after) {
				return "", fmt.Errorf("expected nothing but a comment after the closing %s, found %.40q", quote, strings.TrimSpace(after))
			}
			return text.String(), nil
		}
		if p.next == len(p.lines) {
			return "", fmt.Errorf("has no closing %s", quote)
		}
		text.WriteByte('\n')
		part = p.lines[p.next]
		p.next++
	}
}

func isComment(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || text[0] == '#'
}
