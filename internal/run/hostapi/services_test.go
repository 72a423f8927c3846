package hostapi

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestServices(t *testing.T) {
	t.Parallel()
	store := kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace)
	table := NewTable(nil, KV{Store: store}, Secrets{Store: kv.NoSecrets{}}, Enrichment{Store: store})
	for _, c := range []struct{ method, params, err string }{
		{"kv.nope", `{}`, "method not found"},
		{"kv.get", `{}`, `"key" must be a string`},
		{"kv.get", `{"key":5}`, "parameters of kv.get"},
		{"kv.get", `[]`, "parameters of kv.get"},
		{"kv.get", ``, "parameters of kv.get"},
		{"kv.set", `{"key":"k"}`, `"value" must be a string`},
		{"kv.set", `{"key":"k","value":"v","expire":0}`, "expire must be greater than zero"},
		{"kv.set", `{"key":"k","value":"v","expire":-1}`, "expire must be greater than zero"},
		{"kv.set", `{"key":"k","value":"v","expire":1e300,"unknown":1}`, ""},
		{"kv.set", `{"key":"k","value":"v"}`, ""},
		{"kv.set_add", `{"name":"k","member":"m"}`, "wrong kind"},
		{"kv.set_add", `{"name":"k","member":"m","namespace":"site"}`, ""},
		{"kv.get", `{"key":"x","namespace":""}`, "belongs to the host"},
		{"kv.get", `{"key":"n:dc1","namespace":"panoptes:secrets"}`, "belongs to the host"},
		{"kv.get", `{"key":"dc1","namespace":"panoptes:secrets:n"}`, "belongs to the host"},
		{"kv.get", `{"key":"n:dc1","namespace":"secrets"}`, "belongs to the host"},
		{"kv.find_keys", `{"pattern":"*","namespace":"panoptes"}`, "belongs to the host"},
		{"kv.set", `{"key":"k","value":"v","namespace":"panoptes:resource_manager_kv"}`, "belongs to the host"},
		{"secrets.get", `{"name":"n"}`, `"site" must be a string`},
		{"secrets.get", `{"name":"n","site":"s","fallback":false}`, ""},
		{"enrichment.get", `{"resource_id":"r"}`, `"namespace" must be a string`},
		{"enrichment.get", `{"resource_id":"r","namespace":"*"}`, ""},
	} {
		_, err := table.Call(context.Background(), Caller{}, c.method, []byte(c.params))
		if c.err == "" {
			assert.NoError(t, err, "%s %s", c.method, c.params)
		} else {
			assert.ErrorContains(t, err, c.err, "%s %s", c.method, c.params)
		}
	}
}

type secrets map[string]string

func (s secrets) Get(_ context.Context, name, site string) (string, error) {
	if v, ok := s[name+"/"+site]; ok {
		return v, nil
	}
	return "", pluginsdk.ErrNotFound
}

func (s secrets) GetExact(ctx context.Context, name, site string) (string, error) {
	return s.Get(ctx, name, site)
}

// TestKnownSecrets: only what a plugin was given can be in what it says.
func TestKnownSecrets(t *testing.T) {
	t.Parallel()
	var s logs.Scrubber
	known := KnownSecrets{Store: secrets{"community/dc1": "swordfish", "token/dc1": "opensesame"}, Scrubber: &s}
	got, err := known.Get(context.Background(), "community", "dc1")
	require.NoError(t, err)
	assert.Equal(t, "swordfish", got)
	_, err = known.Get(context.Background(), "community", "dc2")
	require.ErrorIs(t, err, pluginsdk.ErrNotFound)
	assert.Equal(t, "(secret) opensesame", s.Clean("swordfish opensesame"))
	_, err = known.GetExact(context.Background(), "token", "dc1")
	require.NoError(t, err)
	assert.Equal(t, "(secret) (secret)", s.Clean("swordfish opensesame"))
}

// TestOwnNamespaces: keys of a namespace meet no others, whether the host has a store for it or not.
func TestOwnNamespaces(t *testing.T) {
	t.Parallel()
	all := kv.NewStore(kv.Options{})
	plugins := all.Namespace(kv.PluginsNamespace)
	own := func(name string) pluginsdk.KeyValueStore { return all.Namespace(name) }
	for _, c := range []struct {
		service KV
		place   *kv.Namespace
		key     string
	}{
		{KV{Store: plugins}, plugins, "site[1]:a"},
		{KV{Store: plugins, Own: own}, all.Namespace("site[1]"), "a"},
	} {
		table := NewTable(nil, c.service)
		call := func(method, params string) any {
			t.Helper()
			result, err := table.Call(t.Context(), Caller{}, method, []byte(params))
			require.NoError(t, err)
			return result
		}
		call("kv.set", `{"key":"a","value":"1","namespace":"site[1]"}`)
		call("kv.set", `{"key":"a","value":"2"}`)
		value, err := c.place.Get(t.Context(), c.key)
		require.NoError(t, err)
		assert.Equal(t, "1", value)
		assert.Equal(t, map[string]any{"value": "1"}, call("kv.get", `{"key":"a","namespace":"site[1]"}`))
		assert.Equal(t, map[string]any{"keys": []string{"a"}}, call("kv.find_keys", `{"pattern":"?","namespace":"site[1]"}`))
		call("kv.delete", `{"key":"a","namespace":"site[1]"}`)
		assert.Equal(t, map[string]any{"ttl": int64(-2)}, call("kv.ttl", `{"key":"a","namespace":"site[1]"}`))
		assert.Equal(t, map[string]any{"value": "2"}, call("kv.getset", `{"key":"a","value":"3"}`))
		call("kv.set_add", `{"name":"s","member":"m","namespace":"site[1]"}`)
		assert.Equal(t, map[string]any{"members": []string{"m"}}, call("kv.set_members", `{"name":"s","namespace":"site[1]"}`))
	}
}
