package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
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

type secrets map[string]string

func (s secrets) Get(_ context.Context, name, site string) (string, error) {
	if v, ok := s[name+"/"+site]; ok {
		return v, nil
	}
	return "", pluginsdk.ErrNotFound
}

type exactSecrets struct{ secrets }

func (s exactSecrets) GetExact(ctx context.Context, name, site string) (string, error) {
	return s.Get(ctx, name, site)
}

// TestStore: only what a plugin was given can be in what it says.
func TestStore(t *testing.T) {
	t.Parallel()
	var s Scrubber
	values := secrets{"community/dc1": "swordfish", "token/dc1": "opensesame"}
	plain := s.Store(values)
	_, ok := plain.(exact)
	assert.False(t, ok, "the store has no more abilities than the one behind it")
	got, err := plain.Get(context.Background(), "community", "dc1")
	require.NoError(t, err)
	assert.Equal(t, "swordfish", got)
	_, err = plain.Get(context.Background(), "community", "dc2")
	require.ErrorIs(t, err, pluginsdk.ErrNotFound)
	assert.Equal(t, "(secret) opensesame", s.Clean("swordfish opensesame"))
	_, err = s.Store(exactSecrets{values}).(exact).GetExact(context.Background(), "token", "dc1")
	require.NoError(t, err)
	assert.Equal(t, "(secret) (secret)", s.Clean("swordfish opensesame"))
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
