package hostapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func device(id, plugin string) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "dc1", Class: "c", Subclass: "s", Type: "t", ID: id, Endpoint: "e", Plugin: plugin,
		CreationTimestamp: pluginsdk.TextTimestamp("1512629517.03121"), Metadata: pluginsdk.Metadata{{Key: "_resource_ttl", Value: "900"}},
	}
}

// ask returns the ids of the resources that match, and how many answers that took.
func ask(t *testing.T, s *Resources, pattern string) (ids []string, answers int) {
	t.Helper()
	after := ""
	for {
		params, err := json.Marshal(map[string]string{"pattern": pattern, "after": after})
		require.NoError(t, err)
		found, err := NewTable(nil, s).Call(t.Context(), Caller{}, "resources.find", params)
		require.NoError(t, err)
		text, err := json.Marshal(found)
		require.NoError(t, err)
		assert.Less(t, len(text), 2*maxPage)
		answers++
		p := found.(page)
		for _, r := range p.Resources {
			_, id, _ := strings.Cut(r[0], "|id|")
			id, _, _ = strings.Cut(id, "|endpoint|")
			ids = append(ids, id)
		}
		if p.Next == nil {
			return ids, answers
		}
		after = *p.Next
	}
}

func TestResources(t *testing.T) {
	t.Parallel()
	s := &Resources{}
	ids, _ := ask(t, s, "*")
	assert.Empty(t, ids)
	s.Set([]*pluginsdk.Resource{device("b", "q"), device("c", "p"), device("a", "p"), device("d", "")})
	for pattern, want := range map[string]string{
		"*": "d a c b", "plugin|p|*": "a c", "plugin|q|site|dc1|*": "b", "site|dc1|*": "", "": "",
		"plugin|p|site|dc1|class|c|subclass|s|type|t|id|c|endpoint|e":  "c",
		"plugin|p|site|dc1|class|c|subclass|s|type|t|id|cc|endpoint|e": "",
	} {
		ids, _ := ask(t, s, pattern)
		assert.Equal(t, want, strings.Join(ids, " "), pattern)
	}
	var many []*pluginsdk.Resource
	for i := range 20_000 {
		many = append(many, device(fmt.Sprintf("%05d%s", i, strings.Repeat("x", 50)), "p"))
	}
	s.Set(many)
	ids, answers := ask(t, s, "*")
	assert.Len(t, ids, len(many))
	assert.IsIncreasing(t, ids)
	assert.Equal(t, 4, answers)
	for params, want := range map[string]string{
		`{}`: `"pattern" must be a string`, `[]`: "parameters of resources.find", `{"pattern": "` + strings.Repeat("*", 5000) + `"}`: "too large",
	} {
		_, err := NewTable(nil, s).Call(t.Context(), Caller{}, "resources.find", []byte(params))
		require.ErrorContains(t, err, want)
	}
}

// TestResourceForm holds keys and values to what Panoptes writes and reads (docs/panoptes/formats.md, section 2).
func TestResourceForm(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1700000000250)
	r := device("sw1", "p")
	r.Metadata = append(r.Metadata, pluginsdk.MetadataEntry{Key: "os", Value: "ios xe"}, pluginsdk.MetadataEntry{Key: "a", Value: "b"})
	assert.Equal(t, "plugin|p|site|dc1|class|c|subclass|s|type|t|id|sw1|endpoint|e", ResourceKey(r))
	assert.Equal(t, "timestamp|1512629517.03121|meta._resource_ttl|900|meta.os|ios xe|meta.a|b|", ResourceValue(r, now))
	r.Plugin = ""
	assert.Equal(t, "plugin|panoptes_otelcol|site|dc1|class|c|subclass|s|type|t|id|sw1|endpoint|e", ResourceKey(r))
	assert.Empty(t, r.Plugin)
	for given, want := range map[pluginsdk.Timestamp]string{
		pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)): "1512629517.03",
		pluginsdk.NumberTimestamp(pluginsdk.Int(1512629517)):      "1512629517.0", // with an integer Panoptes cannot read the resource
		pluginsdk.TextTimestamp("1512629517"):                     "1512629517.0",
		pluginsdk.TextTimestamp(" 1512629517.5 "):                 "1512629517.5",
		pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517e3)):  "1700000000.250", // milliseconds
		pluginsdk.NumberTimestamp(pluginsdk.Int(5)):               "1700000000.250",
		pluginsdk.TextTimestamp("yesterday"):                      "1700000000.250",
		{}:                                                        "1700000000.250",
	} {
		assert.Equal(t, want, timestamp(given, now), "%v", given)
	}
}
