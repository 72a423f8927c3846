package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// AppendJSON appends a JSON text in a form that people can read at a glance: one line for each key of the outermost
// object and for each element of the lists in it, everything below on that line. Keys, strings and numbers stay as they
// are except for control characters, which are escaped. What is no JSON comes out unchanged. Elements of lists for which mark is true are painted whole;
// mark may be nil.
func (s Style) AppendJSON(b, text []byte, mark func(element []byte) bool) []byte {
	if !json.Valid(text) {
		return append(b, text...)
	}
	p := printer{style: s, out: b, in: text, mark: mark}
	p.value(0)
	return p.out
}

// printer walks a valid JSON text once.
type printer struct {
	style Style
	in    []byte
	out   []byte
	mark  func([]byte) bool
	plain bool // inside an element that is painted as a whole
}

// space skips white space.
func (p *printer) space() {
	p.in = bytes.TrimLeft(p.in, " \t\r\n")
}

// value prints the value that comes next, at the given depth of nesting.
func (p *printer) value(depth int) {
	p.space()
	switch p.in[0] {
	case '{':
		p.container(depth, depth == 0, '}')
	case '[':
		p.container(depth, depth <= 1 && listOfContainers(p.in), ']')
	case '"':
		p.paint(Green, p.text())
	default:
		p.paint(Yellow, p.take(scalarLen(p.in)))
	}
}

// container prints an object or a list; broken says whether each of its parts gets a line of its own.
func (p *printer) container(depth int, broken bool, end byte) {
	p.out = append(p.out, p.in[0])
	p.in = p.in[1:]
	for first := true; ; first = false {
		p.space()
		if p.in[0] == end {
			p.in = p.in[1:]
			if broken && !first {
				p.newline(depth)
			}
			p.out = append(p.out, end)
			return
		}
		if p.in[0] == ',' {
			p.in = p.in[1:]
			p.out = append(p.out, ',')
			p.space()
			if !broken {
				p.out = append(p.out, ' ')
			}
		}
		if broken {
			p.newline(depth + 1)
		}
		if end == '}' {
			p.key()
			p.value(depth + 1)
		} else {
			p.element(depth+1, broken)
		}
	}
}

// element prints an element of a list, painted as a whole where it is marked.
func (p *printer) element(depth int, broken bool) {
	if !broken || p.mark == nil || p.plain {
		p.value(depth)
		return
	}
	before, start := p.in, len(p.out)
	p.plain = true
	p.value(depth)
	p.plain = false
	if source := before[:len(before)-len(p.in)]; !p.mark(source) {
		p.in, p.out = before, p.out[:start]
		mark := p.mark
		p.mark = nil
		p.value(depth)
		p.mark = mark
		return
	}
	text := string(p.out[start:])
	p.out = append(p.out[:start], p.style.Paint(Bold+Cyan, text)...)
}

// key prints a key of an object and its colon.
func (p *printer) key() {
	p.paint(Blue, p.text())
	p.space()
	p.in = p.in[1:]
	p.out = append(p.out, ": "...)
}

// text takes the string that comes next. What could steer a terminal comes out as an escape, which says the same.
func (p *printer) text() []byte {
	t := p.take(stringLen(p.in))
	if bytes.IndexFunc(t, logs.Unsafe) < 0 {
		return t
	}
	var safe []byte
	for _, r := range string(t) {
		if logs.Unsafe(r) {
			safe = fmt.Appendf(safe, `\u%04x`, r)
		} else {
			safe = utf8.AppendRune(safe, r)
		}
	}
	return safe
}

func (p *printer) newline(depth int) {
	p.out = append(p.out, '\n')
	for range depth {
		p.out = append(p.out, "  "...)
	}
}

func (p *printer) take(n int) []byte {
	t := p.in[:n]
	p.in = p.in[n:]
	return t
}

func (p *printer) paint(c Paint, text []byte) {
	if p.plain {
		p.out = append(p.out, text...)
		return
	}
	p.out = append(p.out, p.style.Paint(c, string(text))...)
}

// listOfContainers says whether the first element of the list that in begins with is an object or a list.
func listOfContainers(in []byte) bool {
	in = bytes.TrimLeft(in[1:], " \t\r\n")
	return in[0] == '{' || in[0] == '['
}

// stringLen is the length of the string that in begins with.
func stringLen(in []byte) int {
	for i := 1; ; i++ {
		switch in[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// scalarLen is the length of the number or the word that in begins with.
func scalarLen(in []byte) int {
	if n := bytes.IndexAny(in, ",]} \t\r\n"); n >= 0 {
		return n
	}
	return len(in)
}
