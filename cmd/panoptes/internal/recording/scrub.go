package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Placeholder stands for a secret.
const Placeholder = logs.Placeholder

// Scrubber takes secrets out of recordings. It is safe for concurrent use.
type Scrubber struct{ logs.Scrubber }

// secretOptions are the ends of names of options whose values are secret.
var secretOptions = []string{
	"password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "private_key", "credentials", "community", "community_string",
}

// AddConfig makes the values of options secret that are by their names.
func (s *Scrubber) AddConfig(config pluginsdk.Config) error {
	var errs []error
	for _, section := range config {
		for option, value := range section {
			name := strings.ToLower(option)
			if slices.ContainsFunc(secretOptions, func(end string) bool { return strings.HasSuffix(name, end) }) {
				errs = append(errs, s.Add(value))
			}
		}
	}
	return errors.Join(errs...)
}

// CleanJSON returns a JSON text whose strings, except the keys of objects, have no secrets.
func (s *Scrubber) CleanJSON(text []byte) []byte {
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
		if after := bytes.TrimLeft(text[end:], " "); !bytes.HasPrefix(after, []byte(":")) {
			value = s.cleanString(value)
		}
		out = append(append(out, text[:start]...), value...)
		text = text[end:]
	}
}

// cleanString cleans a JSON string. One without secrets stays as it is written.
func (s *Scrubber) cleanString(quoted []byte) []byte {
	var value string
	if json.Unmarshal(quoted, &value) != nil {
		return []byte(s.Clean(string(quoted)))
	}
	clean := s.Clean(value)
	if s.Is(value) {
		clean = Placeholder
	}
	if clean == value {
		return quoted
	}
	out, _ := marshal(clean) // a text always has a form
	return bytes.TrimSuffix(out, []byte("\n"))
}

// Bytes returns bytes that are no text without secrets.
func (s *Scrubber) Bytes(b []byte) []byte { return []byte(s.Clean(string(b))) }

// marshal is json.Marshal without the escapes for HTML, with the end of a line.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}
