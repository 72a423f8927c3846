package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	t.Parallel()
	var s Scrubber
	assert.Equal(t, "nothing is secret", s.Clean("nothing is secret"))
	for _, secret := range []string{"", "a", "abc", "hunter2", "hunter2-and-more", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n"} {
		s.Add(secret)
	}
	for text, want := range map[string]string{
		"":                                  "",
		"abc a":                             "abc a",
		"login with hunter2: refused":       "login with (secret): refused",
		"hunter2-and-more, hunter2 hunter":  "(secret), (secret) hunter",
		"read MIIEvQIBADANBgkqhkiG of file": "read (secret) of file",
		"a short one":                       "a short one",
	} {
		assert.Equal(t, want, s.Clean(text))
	}
	var none *Scrubber
	none.Add("hunter2")
	assert.Equal(t, "hunter2", none.Clean("hunter2"))
}

func TestWhatIsKnownIsBounded(t *testing.T) {
	t.Parallel()
	var s Scrubber
	for i := range 2 * most {
		s.Add(fmt.Sprintf("secret-%06d", i))
	}
	assert.Len(t, s.known, most)
	assert.Len(t, s.order, most)
	assert.Equal(t, "(secret)", s.Clean(fmt.Sprintf("secret-%06d", 2*most-1)))
	assert.Equal(t, "secret-000000", s.Clean("secret-000000"), "the first ones are forgotten")
}

func TestError(t *testing.T) {
	t.Parallel()
	var s Scrubber
	s.Add("hunter2")
	require.NoError(t, s.Error(nil))
	plain := errors.New("plain")
	assert.Same(t, plain, s.Error(plain))
	err := s.Error(fmt.Errorf("open %q: %w", "hunter2", fs.ErrNotExist))
	assert.EqualError(t, err, `open "(secret)": file does not exist`)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func BenchmarkClean(b *testing.B) {
	var s Scrubber
	for i := range 20 {
		s.Add(fmt.Sprintf("secret-%06d", i))
	}
	text := strings.Repeat("looking at interface ethernet 1/2; ", 4)
	b.ReportAllocs()
	for b.Loop() {
		s.Clean(text)
	}
}
