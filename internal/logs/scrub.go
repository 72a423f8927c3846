package logs

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

// Placeholder stands for a secret.
const Placeholder = "(secret)"

const (
	// shortest is the length below which a secret is not looked for in texts: everything has an "a" in it.
	shortest = 4
	// shortestLine is that of a line of a secret that has several, such as a key.
	shortestLine = 16
	// mostForms and mostBytes limit what a Scrubber knows. Nothing is forgotten: beyond it no secret is taken.
	mostForms = 1_000_000
	mostBytes = 64 << 20
)

// ErrTooManySecrets is why a secret cannot be kept out of texts, and so must not be given out.
var ErrTooManySecrets = errors.New("too many secrets are known already")

// Scrubber knows secrets and takes them out of text, in whatever form they are written: as they are, line by line, and as
// JSON, Python, Go, URLs, HTML, hexadecimal numbers and base64 write them. The zero value knows none, and so does nil. It is
// safe for concurrent use.
type Scrubber struct {
	known atomic.Bool

	mu      sync.RWMutex
	secrets map[string]struct{}
	// forms are what is looked for by its first four bytes, the longest first. filter has a bit for each of these by hash.
	forms  map[uint32][]string
	filter [1 << 10]uint64
	count  int
	bytes  int
}

// Add makes a value secret. Those of less than four bytes are known to Is alone.
func (s *Scrubber) Add(secret string) error {
	if s == nil || secret == "" {
		return nil
	}
	s.mu.RLock()
	_, known := s.secrets[secret]
	s.mu.RUnlock()
	if known {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= mostForms || s.bytes+10*len(secret) > mostBytes {
		return fmt.Errorf("%w: %d, in %d forms", ErrTooManySecrets, len(s.secrets), s.count)
	}
	if s.secrets == nil {
		s.secrets, s.forms = map[string]struct{}{}, map[uint32][]string{}
	}
	s.secrets[secret] = struct{}{}
	if len(secret) < shortest {
		return nil
	}
	s.addForms(secret)
	if strings.Contains(secret, "\n") {
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= shortestLine {
				s.addForms(line)
			}
		}
	}
	s.known.Store(true)
	return nil
}

// Is says whether a text is a secret as a whole.
func (s *Scrubber) Is(text string) bool {
	if s == nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.secrets[text]
	return ok
}

func (s *Scrubber) addForms(text string) {
	for _, form := range written(text) {
		s.add(form)
	}
}

// add is called with the lock.
func (s *Scrubber) add(form string) {
	if len(form) < shortest {
		return
	}
	key := head(form, 0)
	list := s.forms[key]
	at := 0
	for at < len(list) && len(list[at]) >= len(form) {
		if list[at] == form {
			return
		}
		at++
	}
	list = append(list, "")
	copy(list[at+1:], list[at:])
	list[at] = form
	s.forms[key] = list
	bit := hash(key)
	s.filter[bit>>6] |= 1 << (bit & 63)
	s.count++
	s.bytes += len(form)
}

// written are the forms in which a text may be written.
func written(text string) []string {
	forms := []string{text}
	plain := func(t string) string { return strings.TrimSuffix(strings.TrimPrefix(t, `"`), `"`) }
	asJSON := func(t string) []string {
		withHTML, _ := json.Marshal(t) // a text always has a form
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(t)
		return []string{plain(string(withHTML)), plain(strings.TrimSuffix(b.String(), "\n")), plain(string(pyjson.AppendString(nil, t)))}
	}
	for _, once := range asJSON(text) {
		forms = append(forms, once)
		forms = append(forms, asJSON(once)...) // JSON that is text in JSON, as recordings have it
	}
	query, path := url.QueryEscape(text), url.PathEscape(text)
	forms = append(forms, query, path, lowerPercent(query), lowerPercent(path),
		plain(strconv.Quote(text)), plain(strconv.QuoteToASCII(text)), pythonRepr(text, '\''), pythonRepr(text, '"'),
		html.EscapeString(text), hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))))
	return append(forms, inBase64(text)...)
}

// lowerPercent writes the numbers of percent signs in lower case.
func lowerPercent(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
}

// pythonRepr is what repr of Python writes between quotes of this kind, for bytes and for texts without characters that
// are beyond ASCII.
func pythonRepr(text string, quote byte) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// inBase64 are the parts of base64 that a text makes wherever it begins in what is encoded, such as behind a user's name.
// Parts that are too short to tell are left out.
func inBase64(text string) []string {
	const telling = 8
	var forms []string
	for offset := range 3 {
		// The characters that the bytes before and behind it have a part in.
		skip, end := (offset*8+5)/6, (offset+len(text))*8/6
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			all := encoding.EncodeToString(append(make([]byte, offset), text...))
			if end-skip >= telling {
				forms = append(forms, all[skip:end])
			}
		}
	}
	return forms
}

func head(text string, at int) uint32 { return binary.LittleEndian.Uint32([]byte(text[at : at+4])) }

// hash is the number of a bit of the filter.
func hash(key uint32) uint32 { return key * 2654435761 >> 16 }

// Clean returns text with the placeholder where secrets were.
func (s *Scrubber) Clean(text string) string {
	if s == nil || len(text) < shortest || !s.known.Load() {
		return text
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var b strings.Builder
	done := 0
	for at := 0; at+shortest <= len(text); at++ {
		end := s.match(text, at)
		if end == 0 {
			continue
		}
		// What begins within it may go on behind it.
		for more := at + 1; more < end; more++ {
			end = max(end, s.match(text, more))
		}
		b.WriteString(text[done:at])
		b.WriteString(Placeholder)
		done = end
		at = end - 1
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// match is where the longest secret ends that begins at this place, 0 for none.
func (s *Scrubber) match(text string, at int) int {
	if at+shortest > len(text) {
		return 0
	}
	key := head(text, at)
	if bit := hash(key); s.filter[bit>>6]&(1<<(bit&63)) == 0 {
		return 0
	}
	for _, form := range s.forms[key] {
		if strings.HasPrefix(text[at:], form) {
			return at + len(form)
		}
	}
	return 0
}

// Error returns err with a text that has no secrets; what it wraps stays as it is.
func (s *Scrubber) Error(err error) error {
	if s == nil || err == nil {
		return err
	}
	return WithText(err, s.Clean(err.Error()))
}

// WithText returns an error that says text and wraps err, or err where it says so already.
func WithText(err error, text string) error {
	if err.Error() == text {
		return err
	}
	return &otherText{text, err}
}

type otherText struct {
	text  string
	cause error
}

func (e *otherText) Error() string { return e.text }

func (e *otherText) Unwrap() error { return e.cause }
