package panoptesjson

import (
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Part is what stands in the place of one metrics group in a text that may hold several.
type Part struct {
	// Index counts the parts of a text from 0.
	Index int
	// Text is its JSON.
	Text []byte
	// Group is what Text says, or nil with an error. It belongs to the decoder and is valid until the visit returns.
	Group *pluginsdk.MetricsGroup
	// Err is an *Error, which counts bytes from the beginning of the whole text.
	Err error
	// Broken says that Text is no JSON: it goes up to the next line that begins as a group or a list does, or to the end,
	// and whatever else was in it is lost.
	Broken bool
}

// DecodeAll reads a text that holds one group, several in a row, mostly one a line, or lists of them, and calls visit
// for each, and for each thing that is none. Brackets and commas between groups are as good as blanks, so that the
// lines of a list can be read one by one. The only errors are visit's, which ends the reading, and an *Error where the
// text is longer than MaxBytes. The text may be used again afterwards, as with Decode; visit must not use the decoder.
func (d *Decoder) DecodeAll(text []byte, visit func(Part) error) error {
	if err := d.checkSize(text); err != nil {
		return err
	}
	s := &d.scanner
	d.read(text)
	defer d.forget()
	for index := 0; ; index++ {
		start := s.separators()
		if start == len(s.Text) {
			return nil
		}
		p := Part{Index: index, Group: &d.group}
		if err := d.message(p.Group); err != nil {
			p.Group, p.Err = nil, d.scanner.Located(err)
			s.At = start
			if p.Broken = s.Skip() != nil; p.Broken {
				s.resume(start)
			}
		}
		p.Text = text[start:s.At]
		if err := visit(p); err != nil {
			return err
		}
	}
}

// separators goes to what is no blank, bracket or comma, and returns its place.
func (s *scanner) separators() int {
	for s.At < len(s.Text) && strings.IndexByte(" \t\r\n[],", s.Text[s.At]) >= 0 {
		s.At++
	}
	return s.At
}

// resume goes to the first line behind from that begins as a group or a list does, or to the end.
func (s *scanner) resume(from int) {
	for s.At = from; ; {
		n := strings.IndexByte(s.Text[s.At:], '\n')
		if n < 0 {
			s.At = len(s.Text)
			return
		}
		s.At += n
		s.Blanks()
		if s.At < len(s.Text) && (s.Text[s.At] == '{' || s.Text[s.At] == '[') {
			return
		}
	}
}

// GroupType returns the type that a message gives, to name one that cannot be read as a whole, or "".
func GroupType(message []byte) string { return textOf(message, "metrics_group_type") }

// textOf returns a text of an object, or "" where there is none.
func textOf(object []byte, key string) (text string) {
	s := pyjson.NewScanner(object)
	s.Blanks()
	_ = s.Object(func(k string) (err error) {
		if k != key {
			return s.Skip()
		}
		text, err = s.ReadString()
		return err
	})
	return text
}
