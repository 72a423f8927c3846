package pyjson

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Scanner reads JSON value by value, with the NaN and Infinity that Python writes. Its methods leave At after what they
// read, or where the mistake is. The strings that it returns are parts of Text where that is possible.
type Scanner struct {
	Text   string
	Data   []byte // the same bytes
	At     int
	buffer []byte // for strings with escapes
}

// NewScanner returns a Scanner of a copy of data, which must not change before the last value is read.
func NewScanner(data []byte) *Scanner { return &Scanner{Text: string(data), Data: data} }

// Blanks goes to what is no blank.
func (s *Scanner) Blanks() {
	for s.At < len(s.Text) {
		switch s.Text[s.At] {
		case ' ', '\t', '\n', '\r':
			s.At++
		default:
			return
		}
	}
}

// Literal reads exactly lit, or nothing.
func (s *Scanner) Literal(lit string) bool {
	if len(s.Text)-s.At >= len(lit) && s.Text[s.At:s.At+len(lit)] == lit {
		s.At += len(lit)
		return true
	}
	return false
}

// Null reads null, or nothing.
func (s *Scanner) Null() bool { return s.Literal("null") }

// Next goes to the next entry of a list that ends with end, and says whether there is one.
func (s *Scanner) Next(first bool, end byte) (bool, error) {
	s.Blanks()
	if s.At >= len(s.Text) {
		return false, errEnd
	}
	switch c := s.Text[s.At]; {
	case c == end:
		s.At++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		s.At++
		s.Blanks()
		return true, nil
	}
	return false, s.Expected(`"," or the end of the list`)
}

// Begin reads the beginning of an object, '{', or of a list, '['.
func (s *Scanner) Begin(c byte) error {
	switch {
	case s.At < len(s.Text) && s.Text[s.At] == c:
		s.At++
		return nil
	case c == '{':
		return s.Expected("an object")
	}
	return s.Expected("a list")
}

// Key goes to the next entry of an object and reads its key.
func (s *Scanner) Key(first bool) (key string, more bool, err error) {
	if more, err = s.Next(first, '}'); err != nil || !more {
		return "", false, err
	}
	if key, err = s.ReadString(); err != nil {
		return "", false, err
	}
	s.Blanks()
	if s.At >= len(s.Text) || s.Text[s.At] != ':' {
		return "", false, s.Expected(`":" after a key`)
	}
	s.At++
	s.Blanks()
	return key, true, nil
}

// ReadString reads a string: a part of the text where it has no escapes.
func (s *Scanner) ReadString() (string, error) {
	if s.At >= len(s.Text) || s.Text[s.At] != '"' {
		return "", s.Expected("a string")
	}
	start := s.At + 1
	n := strings.IndexByte(s.Text[start:], '"')
	if n < 0 {
		s.At = len(s.Text)
		return "", errEnd
	}
	if plain(s.Data[start : start+n]) {
		s.At = start + n + 1
		return s.Text[start : start+n], nil
	}
	return s.escaped(start)
}

// escaped reads a string with escapes or beyond ASCII. As in encoding/json, what is no UTF-8 or no whole pair of
// surrogates becomes U+FFFD.
func (s *Scanner) escaped(start int) (string, error) {
	b := s.buffer[:0]
	for s.At = start; s.At < len(s.Text); {
		switch c := s.Text[s.At]; {
		case c == '"':
			s.At++
			s.buffer = b
			return string(b), nil
		case c == '\\':
			var err error
			if b, err = s.escape(b); err != nil {
				return "", err
			}
		case c < ' ':
			return "", errControl
		case c < utf8.RuneSelf:
			b = append(b, c)
			s.At++
		default:
			r, size := utf8.DecodeRuneInString(s.Text[s.At:])
			b = utf8.AppendRune(b, r)
			s.At += size
		}
	}
	return "", errEnd
}

var shortEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func (s *Scanner) escape(b []byte) ([]byte, error) {
	if s.At+1 >= len(s.Text) {
		s.At = len(s.Text)
		return b, errEnd
	}
	if c := s.Text[s.At+1]; c != 'u' {
		if shortEscapes[c] == 0 {
			return b, errEscape
		}
		s.At += 2
		return append(b, shortEscapes[c]), nil
	}
	r, ok := hexRune(s.Text[s.At:])
	if !ok {
		return b, errEscape
	}
	s.At += 6
	if utf16.IsSurrogate(r) {
		low, _ := hexRune(s.Text[s.At:])
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			s.At += 6
		}
	}
	return utf8.AppendRune(b, r), nil
}

// hexRune reads \uXXXX.
func hexRune(s string) (rune, bool) {
	if len(s) < 6 || s[:2] != `\u` {
		return 0, false
	}
	r, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(r), err == nil
}

// powers are the powers of ten that a double holds exactly.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// maxDigits is how many digits surely fit 63 bits.
const maxDigits = 18

// ShortNumber reads a number that is short, as nearly all are: an integer that an int64 holds surely, or, where float is
// set, a double. Its mantissa and power of ten are such that doubles hold them exactly, so their quotient is exact except for
// its one rounding. Of any other number it reads nothing, see NumberText.
func (s *Scanner) ShortNumber() (i int64, f float64, float, ok bool) {
	at, text := s.At, s.Text
	negative := at < len(text) && text[at] == '-'
	if negative {
		at++
	}
	first := at
	var m uint64
	for ; at < len(text) && text[at]-'0' <= 9; at++ {
		m = m*10 + uint64(text[at]-'0')
	}
	digits, decimals := at-first, 0
	if digits == 0 || digits > 1 && text[first] == '0' || digits > maxDigits {
		return 0, 0, false, false
	}
	if at < len(text) && text[at] == '.' {
		at++
		for ; at < len(text) && text[at]-'0' <= 9; at++ {
			m = m*10 + uint64(text[at]-'0')
			decimals++
		}
		if decimals == 0 || digits+decimals > maxDigits || m >= 1<<53 {
			return 0, 0, false, false
		}
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		return 0, 0, false, false
	}
	s.At = at
	if decimals == 0 {
		if i = int64(m); negative {
			i = -i
		}
		return i, 0, false, true
	}
	if f = float64(m) / powers[decimals]; negative {
		f = -f
	}
	return 0, f, true, true
}

// NumberText reads the text of a number, which may be no number of JSON (ValidNumber), or NaN, Infinity or -Infinity.
func (s *Scanner) NumberText() (string, error) {
	for _, text := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if s.Literal(text) {
			return text, nil
		}
	}
	start := s.At
	for s.At < len(s.Text) && strings.IndexByte("0123456789+-.eE", s.Text[s.At]) >= 0 {
		s.At++
	}
	if s.At == start {
		return "", s.Expected("a number")
	}
	return s.Text[start:s.At], nil
}

// Skip reads a value of any kind.
func (s *Scanner) Skip() error { return s.skip(1) }

func (s *Scanner) skip(depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if s.At >= len(s.Text) {
		return errEnd
	}
	switch s.Text[s.At] {
	case '"':
		_, err := s.ReadString()
		return err
	case '{':
		s.At++
		for first := true; ; first = false {
			_, more, err := s.Key(first)
			if err != nil || !more {
				return err
			}
			if err := s.skip(depth + 1); err != nil {
				return err
			}
		}
	case '[':
		s.At++
		for first := true; ; first = false {
			more, err := s.Next(first, ']')
			if err != nil || !more {
				return err
			}
			if err := s.skip(depth + 1); err != nil {
				return err
			}
		}
	case 't', 'f', 'n':
		if s.Literal("true") || s.Literal("false") || s.Literal("null") {
			return nil
		}
		return s.Expected("a value")
	}
	if _, _, _, ok := s.ShortNumber(); ok {
		return nil
	}
	start := s.At
	text, err := s.NumberText()
	switch {
	case err != nil:
		return s.Expected("a value")
	case text != "NaN" && !strings.HasSuffix(text, "Infinity") && !ValidNumber(text):
		s.At = start
		return fmt.Errorf("%.40q is not a JSON number", text)
	}
	return nil
}

// ValidNumber checks the grammar of JSON: strconv would take "+1", "0x1", "1_0" and "Inf" as well.
func ValidNumber(s string) bool {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	return s != "" && (s[0] == '-' || digit(s[0])) && digit(s[len(s)-1]) && json.Valid([]byte(s))
}

// Object reads an object: read is called for each key, and reads its value. Its errors become an *Error that names the key.
func (s *Scanner) Object(read func(key string) error) error {
	if err := s.Begin('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil || !more {
			return err
		}
		if err := read(key); err != nil {
			return s.In(key, err)
		}
	}
}

// List reads a list: read is called for each entry, and reads it. Its errors become an *Error that names the index.
func (s *Scanner) List(read func(i int) error) error {
	if err := s.Begin('['); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := s.Next(i == 0, ']')
		if err != nil || !more {
			return err
		}
		if err := read(i); err != nil {
			return s.In("["+strconv.Itoa(i)+"]", err)
		}
	}
}

// AtEnd says whether nothing but blanks follows, and goes there.
func (s *Scanner) AtEnd() bool {
	s.Blanks()
	return s.At == len(s.Text)
}
