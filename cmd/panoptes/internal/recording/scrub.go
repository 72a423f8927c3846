package recording

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Placeholder stands for a secret.
const Placeholder = logs.Placeholder

// Scrubber takes secrets out of text. It is safe for concurrent use.
type Scrubber struct {
	mu    sync.Mutex
	raw   []string
	forms [][]byte // longest first, so that a part of a secret is not replaced before the whole
}

// Add makes a value secret, in each form in which it may stand in JSON. The empty text is no secret.
func (s *Scrubber) Add(secret string) {
	if secret == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = append(s.raw, secret)
	once := [][]byte{inner(string(mustMarshal(secret))), inner(string(pyjson.AppendString(nil, secret)))}
	for _, form := range once {
		s.add(form)
		// JSON that is text in JSON, as the lines of the output are.
		s.add(inner(string(mustMarshal(string(form)))))
	}
}

// secretOptions are the ends of names of options whose values are secret.
var secretOptions = []string{
	"password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "private_key", "credentials", "community", "community_string",
}

// AddConfig makes the values of options secret that are by their names.
func (s *Scrubber) AddConfig(config pluginsdk.Config) {
	for _, section := range config {
		for option, value := range section {
			name := strings.ToLower(option)
			if slices.ContainsFunc(secretOptions, func(end string) bool { return strings.HasSuffix(name, end) }) {
				s.Add(value)
			}
		}
	}
}

func (s *Scrubber) add(form []byte) {
	if slices.ContainsFunc(s.forms, func(f []byte) bool { return bytes.Equal(f, form) }) {
		return
	}
	s.forms = append(s.forms, form)
	slices.SortStableFunc(s.forms, func(a, b []byte) int { return cmp.Compare(len(b), len(a)) })
}

// shortSecret is the length below which a secret is looked for only as a whole text: everything has an "a" in it.
const shortSecret = 4

// Clean returns a JSON text whose strings, but for the keys of objects, have no secrets.
func (s *Scrubber) Clean(text []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.forms) == 0 {
		return text
	}
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
		end = min(end, len(text))
		value := text[start+1 : end]
		if after := bytes.TrimLeft(text[min(end+1, len(text)):], " "); !bytes.HasPrefix(after, []byte(":")) {
			value = s.value(value)
		}
		out = append(append(out, text[:start+1]...), value...)
		text = text[end:]
		if len(text) > 0 { // the closing quote
			out, text = append(out, text[0]), text[1:]
		}
	}
}

// Bytes returns bytes that are no text without secrets.
func (s *Scrubber) Bytes(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.raw {
		if len(secret) >= shortSecret {
			b = bytes.ReplaceAll(b, []byte(secret), []byte(Placeholder))
		}
	}
	return b
}

// value cleans the inner part of a string.
func (s *Scrubber) value(text []byte) []byte {
	for _, form := range s.forms {
		if len(form) >= shortSecret {
			text = replaceForm(text, form)
		} else if bytes.Equal(text, form) {
			return []byte(Placeholder)
		}
	}
	return text
}

// replaceForm puts the placeholder in the place of a form in the inner part of a string. What looks like it from the middle of
// an escape on, as the t of \t, is something else.
func replaceForm(text, form []byte) []byte {
	var out []byte
	done, at := 0, 0 // copied to out; the beginning of a character
	for {
		found := bytes.Index(text[at:], form)
		if found < 0 {
			if done == 0 {
				return text
			}
			return append(out, text[done:]...)
		}
		found += at
		for at < found {
			at += characterLen(text[at:])
		}
		if at > found {
			at = min(at, len(text))
			continue
		}
		out = append(append(out, text[done:found]...), Placeholder...)
		done, at = found+len(form), found+len(form)
	}
}

// characterLen is how many bytes the first character of the inner part of a string has, or those of one byte of it.
func characterLen(text []byte) int {
	switch {
	case text[0] != '\\':
		return 1
	case len(text) > 1 && text[1] == 'u':
		return len(`\u0000`)
	}
	return 2
}

// inner is a JSON string without its quotes.
func inner(quoted string) []byte {
	return []byte(strings.TrimSuffix(strings.TrimPrefix(quoted, `"`), `"`))
}

// marshal is json.Marshal without the escapes for HTML, with the end of a line.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// mustMarshal is for texts, which always have a JSON form.
func mustMarshal(s string) []byte {
	text, _ := marshal(s)
	return bytes.TrimSuffix(text, []byte("\n"))
}
