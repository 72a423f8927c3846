// Package kvtest holds key-value stores to one meaning (docs/panoptes/runtime.md, section 7): a table of calls with what they
// must answer, and random calls that two stores must answer alike.
package kvtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// step is a call in words, and the answer to it.
type step struct {
	call []string // operation and its arguments
	want string
}

// What stores answer besides values.
const (
	ok        = "ok"
	notFound  = "not found"
	wrongKind = "wrong kind"
	forGood   = "for good"
)

// table is run from its first line to its last in one namespace.
var table = []step{
	{[]string{"get", "k"}, notFound},
	{[]string{"ttl", "k"}, notFound},
	{[]string{"delete", "k"}, ok},
	{[]string{"members", "k"}, "[]"},
	{[]string{"find", "*"}, "[]"},

	{[]string{"set", "k", "v", "60"}, ok},
	{[]string{"get", "k"}, "v"},
	{[]string{"ttl", "k"}, "60"},
	{[]string{"set", "k", "w", "0"}, ok}, // takes the end of its life away
	{[]string{"ttl", "k"}, forGood},
	{[]string{"set", "k", "x", "-5"}, ok},
	{[]string{"ttl", "k"}, forGood},
	{[]string{"set", "k", "", "604800"}, ok},
	{[]string{"get", "k"}, ""},
	{[]string{"ttl", "k"}, "604800"},

	{[]string{"getset", "k", "first", "30"}, ""},
	{[]string{"getset", "k", "second", "90"}, "first"},
	{[]string{"ttl", "k"}, "90"},
	{[]string{"getset", "k", "third", "0"}, "second"},
	{[]string{"ttl", "k"}, forGood},
	{[]string{"getset", "new", "value", "30"}, notFound}, // and stores it
	{[]string{"get", "new"}, "value"},
	{[]string{"ttl", "new"}, "30"},
	{[]string{"getset", "newer", "value", "0"}, notFound},
	{[]string{"ttl", "newer"}, forGood},
	{[]string{"delete", "newer"}, ok},
	{[]string{"delete", "new"}, ok},
	{[]string{"get", "new"}, notFound},

	{[]string{"add", "s", "b"}, ok},
	{[]string{"add", "s", "a"}, ok},
	{[]string{"add", "s", "b"}, ok},
	{[]string{"members", "s"}, "[a b]"},
	{[]string{"ttl", "s"}, forGood},
	{[]string{"get", "s"}, wrongKind},
	{[]string{"getset", "s", "v", "60"}, wrongKind},
	{[]string{"ttl", "s"}, forGood}, // which the refused call left alone
	{[]string{"members", "s"}, "[a b]"},
	{[]string{"add", "k", "m"}, wrongKind},
	{[]string{"members", "k"}, wrongKind},
	{[]string{"get", "k"}, "third"},
	{[]string{"set", "s", "a value now", "60"}, ok},
	{[]string{"get", "s"}, "a value now"},
	{[]string{"delete", "s"}, ok},
	{[]string{"delete", "k"}, ok},

	{[]string{"set", "enrichment:dev1:interface", "{}", "300"}, ok},
	{[]string{"set", "enrichment:dev1:heartbeat_ns", "{}", "300"}, ok},
	{[]string{"set", "enrichment:dev10:interface", "{}", "300"}, ok},
	{[]string{"set", "h[a]llo*?", "1", "60"}, ok},
	{[]string{"set", "h|a|llo é\n\x00", "2", "60"}, ok},
	{[]string{"add", "hset", "m"}, ok},
	{[]string{"find", "enrichment:dev1:*"}, "[enrichment:dev1:heartbeat_ns enrichment:dev1:interface]"},
	{[]string{"find", "enrichment:*:interface"}, "[enrichment:dev10:interface enrichment:dev1:interface]"},
	{[]string{"find", "enrichment:dev1:interface"}, "[enrichment:dev1:interface]"},
	{[]string{"find", "h*"}, "[h[a]llo*? hset h|a|llo é\n\x00]"},
	{[]string{"find", `h\[a\]llo\*\?`}, "[h[a]llo*?]"},
	{[]string{"find", "h[a]*"}, "[]"},
	{[]string{"find", "h[^a-z]*"}, "[h[a]llo*? h|a|llo é\n\x00]"},
	{[]string{"find", ""}, "[]"},
	{[]string{"find", "panoptes:*"}, "[]"},
}

// Run runs the table. open returns an empty store by namespace.
func Run(t *testing.T, open func(namespace string) pluginsdk.KeyValueStore) {
	t.Helper()
	store := open(kv.PluginsNamespace)
	for i, s := range table {
		assert.Equal(t, s.want, apply(t.Context(), store, s.call), "line %d: %q", i+1, s.call)
	}
	// Namespaces are apart, except for one within another.
	assert.Equal(t, "[dev10:interface dev1:heartbeat_ns dev1:interface]", apply(t.Context(), open(kv.EnrichmentNamespace), []string{"find", "*"}))
	assert.Equal(t, "[]", apply(t.Context(), open(kv.SecretsNamespace), []string{"find", "*"}))
	other := open("site's own [a-z]*")
	assert.Equal(t, ok, apply(t.Context(), other, []string{"set", "k", "v", "60"}))
	assert.Equal(t, "[k]", apply(t.Context(), other, []string{"find", "*"}))
	assert.Equal(t, notFound, apply(t.Context(), open("site's own x"), []string{"get", "k"}))

	require.NoError(t, store.Set(t.Context(), "short", "v", time.Nanosecond))
	require.Eventually(t, func() bool {
		_, err := store.Get(t.Context(), "short")
		return errors.Is(err, pluginsdk.ErrNotFound)
	}, 10*time.Second, time.Millisecond, "what has expired is gone")
}

// alikeLimit is the longest that Alike takes, whatever becomes of a store.
const alikeLimit = 30 * time.Second

// Alike holds two empty stores to the same answers to random calls.
func Alike(t *testing.T, a, b pluginsdk.KeyValueStore) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), alikeLimit)
	defer cancel()
	// ASCII alone: in a range of a pattern Redis takes other bytes as its processor takes a char, with a sign or without.
	name := rapid.StringOfN(rapid.RuneFrom([]rune("ab[]^-*?\\:")), 0, 6, -1)
	pattern := rapid.OneOf(name, rapid.Just("*"), rapid.Custom(func(t *rapid.T) string { return name.Draw(t, "begin") + "*" }))
	ttl := rapid.SampledFrom([]string{"-1", "0", "600", "604800"})
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(t, "calls") {
			var call []string
			switch op := rapid.SampledFrom([]string{"get", "set", "getset", "delete", "ttl", "find", "find", "add", "members"}).Draw(t, "op"); op {
			case "set", "getset":
				call = []string{op, name.Draw(t, "key"), rapid.String().Draw(t, "value"), ttl.Draw(t, "ttl")}
			case "add":
				call = []string{op, name.Draw(t, "key"), rapid.String().Draw(t, "member")}
			case "find":
				call = []string{op, pattern.Draw(t, "pattern")}
			default:
				call = []string{op, name.Draw(t, "key")}
			}
			if x, y := apply(ctx, a, call), apply(ctx, b, call); x != y {
				t.Fatalf("%q: %q and %q", call, x, y)
			}
		}
	})
}

// apply makes a call and says what came of it.
func apply(ctx context.Context, s pluginsdk.KeyValueStore, call []string) string {
	key := call[1]
	switch call[0] {
	case "get":
		return said(s.Get(ctx, key))
	case "set":
		return said(ok, s.Set(ctx, key, call[2], seconds(call[3])))
	case "getset":
		return said(s.GetSet(ctx, key, call[2], seconds(call[3])))
	case "delete":
		return said(ok, s.Delete(ctx, key))
	case "ttl":
		left, err := s.TTL(ctx, key)
		if err == nil && left < 0 {
			return forGood
		}
		return said(strconv.FormatFloat(left.Round(time.Second).Seconds(), 'f', -1, 64), err)
	case "find":
		return list(s.FindKeys(ctx, key))
	case "add":
		return said(ok, s.SetAdd(ctx, key, call[2]))
	case "members":
		return list(s.SetMembers(ctx, key))
	}
	panic("unknown operation " + call[0])
}

func seconds(text string) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return time.Duration(n) * time.Second
}

func said(value string, err error) string {
	switch {
	case errors.Is(err, pluginsdk.ErrNotFound):
		return notFound
	case errors.Is(err, kv.ErrWrongKind):
		return wrongKind
	case err != nil:
		return "error: " + err.Error()
	}
	return value
}

func list(found []string, err error) string {
	if err == nil && found == nil {
		return "nil, where a list is expected"
	}
	slices.Sort(found)
	return said(fmt.Sprintf("[%s]", strings.Join(found, " ")), err)
}
