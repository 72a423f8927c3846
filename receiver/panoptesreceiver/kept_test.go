package panoptesreceiver

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// TestKeptOfAResource: enrichment and the keys that name a resource, within bounds, without secrets and control characters.
func TestKeptOfAResource(t *testing.T) {
	t.Parallel()
	b := newShownBench(t)
	const secret = "Kw3pL9xTvB8nQ2mD"
	b.cfg.Context.SNMP.Community = secret
	b.start()
	shown, own := *b.board.shown.Load(), b.own().enrichment
	empty, err := shown.Kept(t.Context(), "sw1")
	require.NoError(t, err)
	assert.Equal(t, status.Kept{ResourceID: "sw1", Items: []status.KeptItem{}}, empty)

	keep := func(id, namespace, value string) {
		require.NoError(t, own.Keep(t.Context(), []run.Enrichment{{ResourceID: id, Namespace: namespace, TTL: time.Hour, Value: json.RawMessage(value)}}))
	}
	keep("sw1", "ports", `{"data": {"1": "eth0", "secret": "`+secret+`"}, "metadata": {"_enrichment_group_creation_timestamp": 1512629517.5}}`)
	keep("sw1", "odd", "[1,\n2]")
	keep("sw10", "ports", `{"data": {"other": 1}, "metadata": {}}`)
	require.NoError(t, own.Store.Set(t.Context(), "seen:sw1", "a\x1b\n"+secret, 0))
	require.NoError(t, own.Store.Set(t.Context(), "seen:sw10", "other", 0))
	require.NoError(t, own.Store.Set(t.Context(), "sw1:long", strings.Repeat("é", keptBytes), time.Minute))
	require.NoError(t, own.Store.SetAdd(t.Context(), "set:sw1", "x"))
	kept, err := shown.Kept(t.Context(), "sw1")
	require.NoError(t, err)
	var texts []string
	for _, i := range kept.Items {
		texts = append(texts, i.Store+" "+i.Name+" "+i.Value[:min(len(i.Value), 60)])
		assert.NotContains(t, i.Value, secret)
	}
	require.Len(t, kept.Items, 5, texts)
	odd, ports, seen, set, long := kept.Items[0], kept.Items[1], kept.Items[2], kept.Items[3], kept.Items[4]
	assert.Equal(t, "odd", odd.Name)
	assert.NotContains(t, odd.Value, "\n")
	assert.Equal(t, "enrichment ports", ports.Store+" "+ports.Name)
	assert.Contains(t, ports.Value, `{"1": "eth0", "secret": "`)
	assert.Equal(t, int64(1512629517500), ports.Made.UnixMilli())
	assert.WithinDuration(t, time.Now().Add(time.Hour), ports.Expires, time.Minute)
	assert.Equal(t, "keys seen:sw1", seen.Store+" "+seen.Name)
	assert.NotContains(t, seen.Value, "\x1b")
	assert.Zero(t, seen.Expires)
	assert.Contains(t, set.Error, "wrong kind")
	assert.Equal(t, strings.Repeat("é", keptBytes/2), long.Value)
	assert.Equal(t, 2*keptBytes, long.Bytes)

	for i := range keptItems {
		keep("sw1", fmt.Sprint("n", i), `{"data": {}}`)
	}
	kept, err = shown.Kept(t.Context(), "sw1")
	require.NoError(t, err)
	assert.Len(t, kept.Items, keptItems)
	assert.Equal(t, 5, kept.Left)
}
