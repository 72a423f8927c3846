package logs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Placeholder stands for a secret.
const Placeholder = "(secret)"

const (
	// shortest is the length below which a secret is not looked for in texts: everything has an "a" in it.
	shortest = 4
	// shortestLine is that of a line of a secret that has several, such as a key.
	shortestLine = 8
	// mostForms and mostBytes limit what a Scrubber knows. Nothing is forgotten: beyond it no secret is taken.
	mostForms = 1_800_000
	mostBytes = 112 << 20
	// formsFactor is about how many times its own length a secret takes at least.
	formsFactor = 10
	// shortestPart is how much of a secret, at least half of it, is taken out where a text was cut in it. partsTried is of how
	// many secrets before and behind it in their order.
	shortestPart = 8
	partsTried   = 4
)

// ErrTooManySecrets is why a secret cannot be kept out of texts, and so must not be given out.
var ErrTooManySecrets = errors.New("too many secrets are known already")

// Scrubber knows secrets and takes them out of text, in whatever form they are written: as they are, line by line, and as
// JSON, Python, Go, shells, URLs, HTML, UTF-16 and base64 write them; as lists of numbers or characters, and with what does not
// show among its characters; and the beginning of one where a text was cut.
// The zero value knows none, and so does nil. It is safe for concurrent use.
type Scrubber struct {
	known atomic.Bool

	mu      sync.RWMutex
	secrets map[string]struct{}
	// forms are what is looked for by its first four bytes, in order. filter has a bit for each of these by hash.
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
	if s.count >= mostForms || s.bytes+formsFactor*len(secret) > mostBytes {
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
	at, known := slices.BinarySearch(list, form)
	if known {
		return
	}
	s.forms[key] = slices.Insert(list, at, form)
	bit := hash(key)
	s.filter[bit>>6] |= 1 << (bit & 63)
	s.count++
	s.bytes += len(form)
}

func head(text string, at int) uint32 { return binary.LittleEndian.Uint32([]byte(text[at : at+4])) }

// hash is the number of a bit of the filter.
func hash(key uint32) uint32 { return key * 2654435761 >> 16 }

// span is a part of a text.
type span struct{ start, end int }

// Clean returns text with the placeholder where secrets were.
func (s *Scrubber) Clean(text string) string {
	if s == nil || len(text) < shortest || !s.known.Load() {
		return text
	}
	s.mu.RLock()
	found := s.otherwise(text, s.find(text, nil))
	s.mu.RUnlock()
	if found == nil {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end)) })
	var b strings.Builder
	done := 0
	for i, part := range found {
		if i == 0 || part.start >= done {
			b.WriteString(text[done:part.start])
			b.WriteString(Placeholder)
		}
		done = max(done, part.end)
	}
	b.WriteString(text[done:])
	return b.String()
}

// find adds the places of secrets in a text to those that are found.
func (s *Scrubber) find(text string, found []span) []span {
	if len(text) < shortest {
		return found
	}
	key := head(text, 0) << 8
	for at := range len(text) - shortest + 1 {
		// The four bytes from here on, of which the last is new.
		key = key>>8 | uint32(text[at+shortest-1])<<24
		if bit := hash(key); s.filter[bit>>6]&(1<<(bit&63)) == 0 {
			continue
		}
		if n := match(s.forms[key], text[at:]); n > 0 {
			found = append(found, span{at, at + n})
		}
	}
	return found
}

// match is the length of the longest of these forms that text begins with, 0 for none.
func match(list []string, text string) int {
	next, known := slices.BinarySearch(list, text)
	if known {
		return len(text)
	}
	near := list[max(0, next-partsTried):min(len(list), next+partsTried)]
	return max(wholeOf(list[:next], text), partOf(near, text))
}

// wholeOf is the length of the longest of these forms, which are in order and before text, that text begins with.
func wholeOf(forms []string, text string) int {
	for len(forms) > 0 {
		last := forms[len(forms)-1]
		n := common(text, last)
		if n == len(last) {
			return n
		}
		// What it begins with comes before this one, as the beginning that they have in common, or one of that.
		text = text[:n]
		at, known := slices.BinarySearch(forms, text)
		if known {
			return n
		}
		forms = forms[:at]
	}
	return 0
}

// partOf is how much of the beginning of text is the beginning of one of the forms that was cut there.
func partOf(forms []string, text string) (most int) {
	for _, form := range forms {
		if n := common(text, form); n > most && n >= shortestPart && 2*n >= len(form) && isCut(text[n:]) {
			most = n
		}
	}
	return most
}

// common is how many bytes two texts have in common at their beginning.
func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// isCut says whether text may have been cut before what is left of it.
func isCut(rest string) bool {
	return rest == "" || strings.HasPrefix(rest, mark) || strings.HasPrefix(rest, "…") || strings.ContainsRune("\"'\n", rune(rest[0])) ||
		strings.HasPrefix(rest, `\n`) || strings.HasPrefix(rest, `\"`) || strings.HasPrefix(rest, "\uFFFD")
}

// CleanJSON returns a JSON text whose strings have no secrets. Keys of objects for which keep is true stay as they are.
func (s *Scrubber) CleanJSON(text []byte, keep func(key string) bool) []byte {
	out := make([]byte, 0, len(text))
	for {
		start := bytes.IndexByte(text, '"')
		if start < 0 {
			return append(out, text...)
		}
		end := start + 1
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(text))
		value := text[start:end]
		isKey := bytes.HasPrefix(bytes.TrimLeft(text[end:], " "), []byte(":"))
		out = append(append(out, text[:start]...), s.cleanString(value, isKey, keep)...)
		text = text[end:]
	}
}

// cleanString cleans a JSON string. One without secrets stays as it is written.
func (s *Scrubber) cleanString(quoted []byte, isKey bool, keep func(key string) bool) []byte {
	var value string
	if json.Unmarshal(quoted, &value) != nil {
		return []byte(s.Clean(string(quoted)))
	}
	clean := s.Clean(value)
	if s.Is(value) {
		clean = Placeholder
	}
	if clean == value || isKey && keep(value) {
		return quoted
	}
	return []byte(`"` + asJSON(clean)[1] + `"`)
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
