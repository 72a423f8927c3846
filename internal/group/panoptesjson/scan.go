package panoptesjson

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Error says what is wrong with a message, and where.
type Error struct {
	// Offset is where in the message, in bytes from its beginning.
	Offset int
	// Field is the path of the value that is wrong, such as metrics[3].metric_value; "" for the message as a whole.
	Field string
	// Err is what is wrong.
	Err error
}

func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("%.200s (at byte %d): %v", e.Field, e.Offset, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// scanner reads JSON from text. Its methods leave at after what they read, or where the mistake is.
type scanner struct {
	text   string
	data   []byte // the same bytes
	at     int
	buffer []byte // for strings with escapes
}

var (
	errEnd        = errors.New("the message ends too early")
	errTooDeep    = fmt.Errorf("values are nested deeper than %d", maxDepth)
	errString     = errors.New("expected a string")
	errObject     = errors.New("expected an object")
	errArray      = errors.New("expected an array")
	errControl    = errors.New("a control character must be escaped in a string")
	errEscape     = errors.New("not an escape of JSON")
	errSeparator  = errors.New(`expected "," or the end of the list`)
	errColon      = errors.New(`expected ":" after a key`)
	errValue      = errors.New("expected a value")
	errTwice      = errors.New("is there twice")
	errAfterwards = errors.New("something follows the message")
)

// maxDepth bounds the nesting of values that are skipped, and by it the stack.
const maxDepth = 64

func (s *scanner) blanks() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// literal reads exactly lit, or nothing.
func (s *scanner) literal(lit string) bool {
	if len(s.text)-s.at >= len(lit) && s.text[s.at:s.at+len(lit)] == lit {
		s.at += len(lit)
		return true
	}
	return false
}

// null reads null, or nothing.
func (s *scanner) null() bool { return s.literal("null") }

// next goes to the next entry of a list that ends with end, and says whether there is one.
func (s *scanner) next(first bool, end byte) (bool, error) {
	s.blanks()
	if s.at >= len(s.text) {
		return false, errEnd
	}
	switch c := s.text[s.at]; {
	case c == end:
		s.at++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		s.at++
		s.blanks()
		return true, nil
	}
	return false, errSeparator
}

// begin reads the beginning of a list.
func (s *scanner) begin(c byte, otherwise error) error {
	if s.at >= len(s.text) {
		return errEnd
	}
	if s.text[s.at] != c {
		return otherwise
	}
	s.at++
	return nil
}

// key goes to the next entry of an object and reads its key.
func (s *scanner) key(first bool) (key string, more bool, err error) {
	if more, err = s.next(first, '}'); err != nil || !more {
		return "", false, err
	}
	if key, err = s.string(); err != nil {
		return "", false, err
	}
	s.blanks()
	if s.at >= len(s.text) {
		return "", false, errEnd
	}
	if s.text[s.at] != ':' {
		return "", false, errColon
	}
	s.at++
	s.blanks()
	return key, true, nil
}

// string reads a string: a part of the text where it has no escapes.
func (s *scanner) string() (string, error) {
	if s.at >= len(s.text) {
		return "", errEnd
	}
	if s.text[s.at] != '"' {
		return "", errString
	}
	start := s.at + 1
	n := strings.IndexByte(s.text[start:], '"')
	if n < 0 {
		s.at = len(s.text)
		return "", errEnd
	}
	if plain(s.data[start : start+n]) {
		s.at = start + n + 1
		return s.text[start : start+n], nil
	}
	return s.escaped(start)
}

// escaped reads a string with escapes or beyond ASCII. As in encoding/json, what is no UTF-8 or no whole pair of
// surrogates becomes U+FFFD.
func (s *scanner) escaped(start int) (string, error) {
	b := s.buffer[:0]
	for s.at = start; s.at < len(s.text); {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
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
			s.at++
		default:
			r, size := utf8.DecodeRuneInString(s.text[s.at:])
			b = utf8.AppendRune(b, r)
			s.at += size
		}
	}
	return "", errEnd
}

var shortEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func (s *scanner) escape(b []byte) ([]byte, error) {
	if s.at+1 >= len(s.text) {
		s.at = len(s.text)
		return b, errEnd
	}
	if c := s.text[s.at+1]; c != 'u' {
		if shortEscapes[c] == 0 {
			return b, errEscape
		}
		s.at += 2
		return append(b, shortEscapes[c]), nil
	}
	r, ok := hexRune(s.text[s.at:])
	if !ok {
		return b, errEscape
	}
	s.at += 6
	if utf16.IsSurrogate(r) {
		low, _ := hexRune(s.text[s.at:])
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			s.at += 6
		}
	}
	return utf8.AppendRune(b, r), nil
}

// hexRune reads \uXXXX.
func hexRune(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for i := 2; i < 6; i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// powers are the powers of ten that a double holds exactly.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// maxDigits is how many digits surely fit 63 bits.
const maxDigits = 18

// number reads a number, and what Python writes for values that are none. A mantissa and a power of ten that doubles
// hold exactly have an exact quotient but for its one rounding; longer numbers are for strconv.
func (s *scanner) number() (pluginsdk.Number, error) {
	start := s.at
	i, text := s.at, s.text
	negative := i < len(text) && text[i] == '-'
	if negative {
		i++
	}
	first := i
	var m uint64
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		m = m*10 + uint64(text[i]-'0')
	}
	digits, decimals := i-first, 0
	if digits == 0 || digits > 1 && text[first] == '0' || digits > maxDigits {
		return s.slowNumber(start)
	}
	if i < len(text) && text[i] == '.' {
		i++
		for ; i < len(text) && text[i]-'0' <= 9; i++ {
			m = m*10 + uint64(text[i]-'0')
			decimals++
		}
		if decimals == 0 || digits+decimals > maxDigits || m >= 1<<53 {
			return s.slowNumber(start)
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		return s.slowNumber(start)
	}
	s.at = i
	if decimals == 0 {
		if negative {
			return pluginsdk.Int(-int64(m)), nil
		}
		return pluginsdk.Int(int64(m)), nil
	}
	f := float64(m) / powers[decimals]
	if negative {
		f = -f
	}
	return pluginsdk.Float(f), nil
}

func (s *scanner) slowNumber(start int) (pluginsdk.Number, error) {
	switch {
	case s.literal("NaN"):
		return pluginsdk.Float(math.NaN()), nil
	case s.literal("Infinity"):
		return pluginsdk.Float(math.Inf(1)), nil
	case s.literal("-Infinity"):
		return pluginsdk.Float(math.Inf(-1)), nil
	}
	end := start
	for end < len(s.text) && strings.IndexByte("0123456789+-.eE", s.text[end]) >= 0 {
		end++
	}
	if end == start {
		return pluginsdk.Number{}, errors.New("expected a number")
	}
	n, err := pluginsdk.ParseNumber(s.text[start:end])
	if err == nil {
		s.at = end
	}
	return n, err
}

// skip reads a value of any kind.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if s.at >= len(s.text) {
		return errEnd
	}
	switch s.text[s.at] {
	case '"':
		_, err := s.string()
		return err
	case '{':
		s.at++
		for first := true; ; first = false {
			_, more, err := s.key(first)
			if err != nil || !more {
				return err
			}
			if err := s.skip(depth + 1); err != nil {
				return err
			}
		}
	case '[':
		s.at++
		for first := true; ; first = false {
			more, err := s.next(first, ']')
			if err != nil || !more {
				return err
			}
			if err := s.skip(depth + 1); err != nil {
				return err
			}
		}
	case 't', 'f', 'n':
		if s.literal("true") || s.literal("false") || s.literal("null") {
			return nil
		}
		return errValue
	}
	if _, err := s.number(); err != nil {
		return errValue
	}
	return nil
}
