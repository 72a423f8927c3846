package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clock is a time that only moves when told to.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newTestStore(o Options) (*Store, *clock) {
	c := &clock{t: time.Unix(1_700_000_000, 0)}
	o.Now = c.now
	return NewStore(o), c
}

func TestStoreValues(t *testing.T) {
	t.Parallel()
	store, clock := newTestStore(Options{})
	kv := store.Namespace(PluginsNamespace)
	ctx := context.Background()

	if _, err := kv.Get(ctx, "k"); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("Get of a missing key: %v", err)
	}
	mustDo(t, kv.Set(ctx, "k", "v", time.Minute))
	want(t, kv, "k", "v")
	if ttl, err := kv.TTL(ctx, "k"); err != nil || ttl != time.Minute {
		t.Errorf("TTL = %v, %v", ttl, err)
	}
	if old, err := kv.GetSet(ctx, "k", "w", time.Hour); err != nil || old != "v" {
		t.Errorf("GetSet = %q, %v", old, err)
	}
	if _, err := kv.GetSet(ctx, "new", "n", time.Hour); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("GetSet of a missing key: %v", err)
	}
	want(t, kv, "new", "n")

	clock.t = clock.t.Add(time.Hour - 1)
	want(t, kv, "k", "w")
	clock.t = clock.t.Add(1)
	if _, err := kv.Get(ctx, "k"); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("Get of an expired key: %v", err)
	}
	mustDo(t, kv.Set(ctx, "for good", "x", 0))
	if ttl, err := kv.TTL(ctx, "for good"); err != nil || ttl >= 0 {
		t.Errorf("TTL of a key that lives for good = %v, %v", ttl, err)
	}
	mustDo(t, kv.Delete(ctx, "for good"))
	mustDo(t, kv.Delete(ctx, "for good"))
	if store.Len() != 0 || store.bytes != 0 || store.items != 0 {
		t.Errorf("%d keys, %d bytes and %d items are left", store.Len(), store.bytes, store.items)
	}
}

func TestNamespacesAreApart(t *testing.T) {
	t.Parallel()
	store, _ := newTestStore(Options{})
	a, b := store.Namespace("a"), store.Namespace("b")
	ctx := context.Background()
	mustDo(t, a.Set(ctx, "k", "1", 0))
	mustDo(t, b.Set(ctx, "k", "2", 0))
	want(t, a, "k", "1")
	want(t, store.Namespace("a:x"), "", "", pluginsdk.ErrNotFound)
	if keys, err := a.FindKeys(ctx, "*"); err != nil || !slices.Equal(keys, []string{"k"}) {
		t.Errorf("FindKeys = %q, %v", keys, err)
	}
}

func TestSets(t *testing.T) {
	t.Parallel()
	store, _ := newTestStore(Options{})
	kv := store.Namespace("n")
	ctx := context.Background()
	for _, m := range []string{"b", "a", "b"} {
		mustDo(t, kv.SetAdd(ctx, "s", m))
	}
	members, err := kv.SetMembers(ctx, "s")
	slices.Sort(members)
	if err != nil || !slices.Equal(members, []string{"a", "b"}) {
		t.Errorf("SetMembers = %q, %v", members, err)
	}
	if members, err := kv.SetMembers(ctx, "none"); err != nil || members == nil || len(members) != 0 {
		t.Errorf("SetMembers of no set = %#v, %v", members, err)
	}
	if _, err := kv.Get(ctx, "s"); !errors.Is(err, ErrWrongKind) {
		t.Errorf("Get of a set: %v", err)
	}
	mustDo(t, kv.Set(ctx, "v", "1", 0))
	if err := kv.SetAdd(ctx, "v", "m"); !errors.Is(err, ErrWrongKind) {
		t.Errorf("SetAdd to a value: %v", err)
	}
	if _, err := kv.SetMembers(ctx, "v"); !errors.Is(err, ErrWrongKind) {
		t.Errorf("SetMembers of a value: %v", err)
	}
	mustDo(t, kv.Set(ctx, "s", "now a value", 0))
	want(t, kv, "s", "now a value")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store, clock := newTestStore(Options{MaxKeys: 3})
	kv := store.Namespace("n")
	mustDo(t, kv.Set(ctx, "a", "1", time.Minute))
	mustDo(t, kv.SetAdd(ctx, "s", "m"))
	for _, err := range []error{kv.Set(ctx, "b", "1", 0), kv.SetAdd(ctx, "s", "m2"), kv.SetAdd(ctx, "s2", "m")} {
		if !errors.Is(err, ErrFull) {
			t.Errorf("a write beyond max keys: %v", err)
		}
	}
	mustDo(t, kv.Set(ctx, "a", "2", time.Minute)) // an update needs no room
	mustDo(t, kv.SetAdd(ctx, "s", "m"))
	clock.t = clock.t.Add(time.Minute)
	mustDo(t, kv.Set(ctx, "b", "1", 0)) // a has made room

	store, _ = newTestStore(Options{MaxBytes: 1000})
	kv = store.Namespace("n")
	mustDo(t, kv.Set(ctx, "a", string(make([]byte, 600)), 0))
	if err := kv.Set(ctx, "b", string(make([]byte, 600)), 0); !errors.Is(err, ErrFull) {
		t.Errorf("a write beyond max bytes: %v", err)
	}
	want(t, kv, "b", "", pluginsdk.ErrNotFound)
	if err := kv.Set(ctx, "a", string(make([]byte, 2000)), 0); !errors.Is(err, ErrFull) {
		t.Errorf("an update beyond max bytes: %v", err)
	}
	mustDo(t, kv.Set(ctx, "a", "small", 0))
}

// TestStoreLikeModel compares the store with a map that does the same in the plainest way.
func TestStoreLikeModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		store, clock := newTestStore(Options{})
		kv := store.Namespace("n")
		ctx := context.Background()
		type cell struct {
			value   string
			expires time.Time
		}
		model := map[string]cell{}
		key := rapid.SampledFrom([]string{"a", "b", "c"})
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			k := key.Draw(t, "key")
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0:
				ttl := time.Duration(rapid.IntRange(0, 5).Draw(t, "ttl")) * time.Second
				c := cell{value: strconv.Itoa(i)}
				if ttl > 0 {
					c.expires = clock.t.Add(ttl)
				}
				model[k] = c
				if err := kv.Set(ctx, k, c.value, ttl); err != nil {
					t.Fatal(err)
				}
			case 1:
				delete(model, k)
				if err := kv.Delete(ctx, k); err != nil {
					t.Fatal(err)
				}
			case 2:
				clock.t = clock.t.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
			}
			for m, c := range model {
				if !c.expires.IsZero() && !clock.t.Before(c.expires) {
					delete(model, m)
				}
			}
			got, err := kv.Get(ctx, k)
			c, ok := model[k]
			if ok != (err == nil) || got != c.value {
				t.Fatalf("Get(%q) = %q, %v; want %q, %v", k, got, err, c.value, ok)
			}
			if store.Len() != len(model) || store.items != len(model) {
				t.Fatalf("%d keys, %d items, want %d", store.Len(), store.items, len(model))
			}
		}
	})
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true},
		{"*", "abc", true},
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"a*", "abc", true},
		{"*c", "abc", true},
		{"a*c*e", "abcde", true},
		{"a*c*f", "abcde", false},
		{"*ab", "aab", true},
		{"?", "a", true},
		{"?", "", false},
		{"h[ae]llo", "hello", true},
		{"h[ae]llo", "hillo", false},
		{"h[^e]llo", "hallo", true},
		{"h[^e]llo", "hello", false},
		{"h[a-b]llo", "hbllo", true},
		{"h[b-a]llo", "hallo", true},
		{"h[a-b]llo", "hcllo", false},
		{`h\*llo`, "h*llo", true},
		{`h\*llo`, "hello", false},
		{`[\]]`, "]", true},
		{"[abc", "a", true},
		{"[abc", "d", false},
		{"a[", "ab", false},
		{`a\`, `a\`, true},
		{"enrichment:*:cpu", "enrichment:x:cpu", true},
		{"**a**", "bab", true},
		{"[a-]", "a", true},
	} {
		if got := globMatch(c.pattern, c.s); got != c.want {
			t.Errorf("globMatch(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*[b-d]?", "abc")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		// Neither panics nor goes on for ever. A class that is not closed, or a backslash at the end, would take the * in.
		if globMatch(pattern, s) && !strings.ContainsAny(pattern, `[\`) && !globMatch(pattern+"*", s) {
			t.Errorf("%q matches %q but not with a * behind it", pattern, s)
		}
		var quoted []byte
		for i := range len(s) {
			quoted = append(quoted, '\\', s[i])
		}
		if !globMatch(string(quoted), s) || !globMatch("*"+string(quoted)+"*", s) {
			t.Errorf("%q does not match itself", s)
		}
	})
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, kv *Namespace, key, value string, wantErr ...error) {
	t.Helper()
	got, err := kv.Get(context.Background(), key)
	if len(wantErr) > 0 && !errors.Is(err, wantErr[0]) || len(wantErr) == 0 && err != nil || got != value {
		t.Errorf("Get(%q) = %q, %v; want %q", key, got, err, value)
	}
}

// TestLimitsOfSingleThings: keys, values, patterns and answers have limits, and the error says so.
func TestLimitsOfSingleThings(t *testing.T) {
	t.Parallel()
	n := NewStore(Options{}).Namespace("n")
	long := strings.Repeat("k", MaxKeyBytes+1)
	for what, err := range map[string]error{
		"key":     n.Set(t.Context(), long, "v", 0),
		"value":   n.Set(t.Context(), "k", strings.Repeat("v", MaxValueBytes+1), 0),
		"member":  n.SetAdd(t.Context(), "s", long),
		"name":    n.SetAdd(t.Context(), long, "m"),
		"pattern": errorOf(n.FindKeys(t.Context(), strings.Repeat("*", MaxPatternBytes+1))),
		"getset":  errorOf(n.GetSet(t.Context(), "k", strings.Repeat("v", MaxValueBytes+1), 0)),
	} {
		require.ErrorIs(t, err, ErrTooLarge, what)
	}
	key := strings.Repeat("k", MaxKeyBytes-10)
	for i := range MaxAnswerBytes/len(key) + 1 {
		require.NoError(t, n.Set(t.Context(), fmt.Sprint(key, i), "", 0))
		require.NoError(t, n.SetAdd(t.Context(), "set", fmt.Sprint(key, i)))
	}
	_, err := n.FindKeys(t.Context(), "k*")
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorContains(t, err, "make it narrower")
	_, err = n.SetMembers(t.Context(), "set")
	require.ErrorIs(t, err, ErrTooLarge)
	found, err := n.FindKeys(t.Context(), "k*9")
	require.NoError(t, err)
	assert.NotEmpty(t, found)
}

func errorOf[T any](_ T, err error) error { return err }

// TestFindKeysHoldsUpNobody: a pattern that takes long is matched beside all other calls, and ends with its run.
func TestFindKeysHoldsUpNobody(t *testing.T) {
	t.Parallel()
	n := NewStore(Options{}).Namespace("n")
	for i := range 5000 {
		require.NoError(t, n.Set(t.Context(), fmt.Sprint(strings.Repeat("a", 8000), i), "", 0))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := n.FindKeys(ctx, strings.Repeat("*a", MaxPatternBytes/2-1)+"*b")
		ended <- err
	}()
	for range 100 {
		require.NoError(t, n.Set(t.Context(), "k", "v", 0))
	}
	select {
	case err := <-ended:
		t.Fatalf("it took no time, so nothing was shown: %v", err)
	default:
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}
