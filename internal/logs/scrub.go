package logs

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Placeholder stands for a secret.
const Placeholder = "(secret)"

const (
	// shortest is the length below which a secret is not looked for: everything has an "a" in it.
	shortest = 4
	// shortestLine is that of a line of a secret that has several, such as a key.
	shortestLine = 16
	// most bounds the texts that are looked for. Beyond it those that were added first are forgotten.
	most = 1000
)

// Scrubber knows secrets and takes them out of text. The zero value knows none, and so does nil. It is safe for
// concurrent use.
type Scrubber struct {
	mu       sync.RWMutex
	known    map[string]struct{}
	order    []string // in which they were added
	replacer *strings.Replacer
	stale    bool // known has what replacer has not
}

// Add makes a value secret, and each line of it. Values of less than four bytes are not taken.
func (s *Scrubber) Add(secret string) {
	if s == nil {
		return
	}
	s.mu.RLock()
	_, known := s.known[secret]
	s.mu.RUnlock()
	if known || len(secret) < shortest {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(secret)
	if strings.Contains(secret, "\n") {
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= shortestLine {
				s.add(line)
			}
		}
	}
}

// add is called with the lock.
func (s *Scrubber) add(text string) {
	if _, ok := s.known[text]; ok {
		return
	}
	if s.known == nil {
		s.known = map[string]struct{}{}
	}
	if len(s.order) >= most {
		delete(s.known, s.order[0])
		s.order = slices.Delete(s.order, 0, 1)
	}
	s.known[text], s.stale = struct{}{}, true
	s.order = append(s.order, text)
}

// Clean returns text with the placeholder where secrets were.
func (s *Scrubber) Clean(text string) string {
	if s == nil || text == "" {
		return text
	}
	s.mu.RLock()
	replacer, stale := s.replacer, s.stale
	s.mu.RUnlock()
	if stale {
		replacer = s.rebuild()
	}
	if replacer == nil {
		return text
	}
	return replacer.Replace(text)
}

func (s *Scrubber) rebuild() *strings.Replacer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale {
		// Longest first, so that a part of a secret is not replaced before the whole.
		longest := slices.SortedFunc(slices.Values(s.order), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
		pairs := make([]string, 0, 2*len(longest))
		for _, text := range longest {
			pairs = append(pairs, text, Placeholder)
		}
		s.replacer, s.stale = strings.NewReplacer(pairs...), false
	}
	return s.replacer
}

// Error returns err with a text that has no secrets; what it wraps stays as it is.
func (s *Scrubber) Error(err error) error {
	if s == nil || err == nil {
		return err
	}
	text := err.Error()
	if clean := s.Clean(text); clean != text {
		return &cleanError{clean, err}
	}
	return err
}

type cleanError struct {
	text  string
	cause error
}

func (e *cleanError) Error() string { return e.text }

func (e *cleanError) Unwrap() error { return e.cause }
