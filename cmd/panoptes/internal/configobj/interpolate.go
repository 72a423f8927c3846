package configobj

import (
	"fmt"
	"strings"
)

const (
	// maxRounds bounds how deep values lie in values, as in ConfigObj itself.
	maxRounds = 10
	// maxReplaced bounds how many references a file may come to, those in values that others refer to among them.
	maxReplaced = 2000
	// maxValue is the most bytes a value may have.
	maxValue = 64 << 10
	// defaults is the section of a section's defaults.
	defaults = "DEFAULT"
)

// interpolate puts the values of other keys in the place of %(key)s.
func (p *parser) interpolate() {
	// All are read before one is changed: what a value means must not depend on the order of the file.
	type change struct {
		at    *string
		value string
	}
	var changes []change
	var x expansion
	p.root.Walk(func(s *Section) {
		for _, e := range s.Entries {
			for i, v := range e.Values {
				value, err := x.expand(s, v, []string{e.Key})
				if err != nil {
					p.fail(e.Line, "key %q: %w", e.Key, err)
					continue
				}
				changes = append(changes, change{&e.Values[i], value})
			}
		}
	})
	for _, c := range changes {
		*c.at = c.value
	}
}

// expansion counts the references that were replaced.
type expansion int

// expand returns a value with its references replaced; way are the keys that led to it.
func (x *expansion) expand(s *Section, value string, way []string) (string, error) {
	if len(way) > maxRounds {
		return "", fmt.Errorf("refers to more than %d keys in a row, or to itself: %s", maxRounds, strings.Join(way[:3], ", "))
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(value, "%(")
		name, rest, closed := strings.Cut(after, ")s")
		if !found || !closed || strings.Contains(name, ")") {
			// A sign of percent that begins no reference is one.
			if !found {
				out.WriteString(value)
				break
			}
			out.WriteString(before + "%(")
			value = after
			continue
		}
		if *x++; *x > maxReplaced {
			return "", fmt.Errorf("the file comes to more than %d references", maxReplaced)
		}
		e, of := lookUp(s, name)
		switch {
		case e == nil:
			return "", fmt.Errorf("refers to %%(%s)s, which is no key of its section, of %s or of a section around it", name, defaults)
		case e.List || len(e.Values) != 1:
			return "", fmt.Errorf("refers to %%(%s)s, which is a list", name)
		}
		e.Used = true
		inner, err := x.expand(of, e.Values[0], append(way, name))
		if err != nil {
			return "", err
		}
		out.WriteString(before)
		out.WriteString(inner)
		value = rest
		if out.Len() > maxValue {
			return "", fmt.Errorf("has more than %d bytes", maxValue)
		}
	}
	if out.Len() > maxValue {
		return "", fmt.Errorf("has more than %d bytes", maxValue)
	}
	return out.String(), nil
}

// lookUp finds a key in a section, then in the section DEFAULT in it, then in those around it.
func lookUp(s *Section, name string) (*Entry, *Section) {
	for ; s != nil; s = s.parent {
		if e := s.Entry(name); e != nil {
			return e, s
		}
		if d := s.Section(defaults); d != nil {
			if e := d.Entry(name); e != nil {
				return e, d
			}
		}
	}
	return nil, nil
}
