package ratestate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// The keys are stored with the state: a change of the hash forgets all of it.
func TestHashIsPinned(t *testing.T) {
	t.Parallel()
	h := NewHasher(Key{1, 2})
	for text, want := range map[string]string{
		"":                       "9860336b0e076a925931d6809535cdc4",
		"a":                      "549a567f90c4fe3570590accce0f720c",
		"abc":                    "f1ebd5b2b3d3911630ccaea2493d8831",
		"abcd":                   "9ba09f2a28431e9bf85505b04515afc1",
		"interface":              "8e557957b35b740e352ccdc30b0f909e",
		"0123456789abcdef":       "43401a805bce7681306493ec3a9048fe",
		"0123456789abcdefg":      "7439e8a18636da8642b60d6216688a29",
		"if_hc_in_octets_total":  "80848b5c6f174a41e3a61d6d7afbd0e1",
		strings.Repeat("x", 100): "8012947963da3ba3deea68c45b303221",
	} {
		k := h.String(text)
		assert.Equal(t, want, fmt.Sprintf("%016x%016x", k.A, k.B), "%q", text)
	}
	a, b := h.String("a"), h.String("b")
	for _, tt := range []struct {
		name string
		key  Key
		want string
	}{
		{"pair", h.Pair(a, b), "345473786398ce93c0da4b7129cf7c6b"},
		{"join", h.Join(a, b), "f26dbe8e83475f2d3c25b115e5120307"},
		{"word", h.Word(1, 2), "906cb99e3c7c1955d21a881c51a2c294"},
		{"sum", a.Add(b), "81c548b02639b45bff55fe1e51361c3e"},
	} {
		assert.Equal(t, tt.want, fmt.Sprintf("%016x%016x", tt.key.A, tt.key.B), tt.name)
	}
}

func TestHashTellsApart(t *testing.T) {
	t.Parallel()
	h := NewHasher(Key{3, 4})
	a, b := h.String("a"), h.String("b")
	c, d := h.String("c"), h.String("d")
	different := map[string][2]Key{
		"seeds":               {a, func() Key { o := NewHasher(Key{3, 5}); return o.String("a") }()},
		"order of a pair":     {h.Pair(a, b), h.Pair(b, a)},
		"order of a join":     {h.Join(a, b), h.Join(b, a)},
		"nesting":             {h.Join(h.Join(a, b), c), h.Join(a, h.Join(b, c))},
		"swapped values":      {h.Pair(a, b).Add(h.Pair(c, d)), h.Pair(a, d).Add(h.Pair(c, b))},
		"number and text":     {h.Word(1, 5), h.String("5")},
		"kinds":               {h.Word(1, 5), h.Word(2, 5)},
		"a pair and nothing":  {h.Pair(a, b), {}},
		"zero bytes":          {h.String("\x00"), h.String("\x00\x00")},
		"empty and zero byte": {h.String(""), h.String("\x00")},
		"no word and empty":   {h.Word(0, 0), h.String("")},
	}
	for name, keys := range different {
		assert.NotEqual(t, keys[0].A, keys[1].A, name)
		assert.NotEqual(t, keys[0].B, keys[1].B, name)
	}
}

// TestHashOfEveryByte: a change anywhere in a text of any length changes both halves.
func TestHashOfEveryByte(t *testing.T) {
	t.Parallel()
	h := NewHasher(Key{5, 6})
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringN(1, 80, -1).Draw(t, "text"))
		k := h.String(string(text))
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		text[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		o := h.String(string(text))
		if k.A == o.A || k.B == o.B {
			t.Fatalf("no difference at %d of %d", i, len(text))
		}
	})
}

func TestHashSpread(t *testing.T) {
	t.Parallel()
	h := NewHasher(Key{7, 8})
	seenA, seenB := map[uint64]bool{}, map[uint64]bool{}
	buckets := [64]int{}
	const n = 100_000
	for i := range n {
		k := h.Join(h.String("interface"), h.Pair(h.String("ifname"), h.String(fmt.Sprintf("ge-0/0/%d", i))))
		seenA[k.A], seenB[k.B] = true, true
		buckets[k.A>>58]++
	}
	assert.Len(t, seenA, n)
	assert.Len(t, seenB, n)
	for i, count := range buckets {
		assert.InDelta(t, n/64, count, n/64/5, "bucket %d", i)
	}
}
