package runtimes

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/bounds"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const goodGroup = `{"metrics_group_type":"t","metrics_group_interval":60,"metrics":[` +
	`{"metric_name":"m","metric_type":"gauge","metric_value":1,"metric_creation_timestamp":1700000000.5}],"dimensions":[]}`

func TestDecodeGroups(t *testing.T) {
	t.Parallel()
	req := run.Request{Plugin: goPlugin("x", time.Minute), Resource: testResource("r1")}
	raw := []json.RawMessage{
		json.RawMessage(goodGroup),
		json.RawMessage(`{"metrics_group_type":"t","metrics_group_interval":0}`),
		json.RawMessage(`{"metrics_group_type":"named","metrics_group_interval":60,"dimensions":[{"dimension_name":"1x","dimension_value":"v"}]}`),
		json.RawMessage(`{"metrics_group_type":"named","metrics_group_interval":60,"metrics":[{"metric_name":"m","metric_type":"gauge","metric_value":"1"}]}`),
		json.RawMessage(`null`),
		json.RawMessage(`7`),
		json.RawMessage(goodGroup),
		json.RawMessage(goodGroup),
	}
	res := run.Judged(req, run.Limits{Groups: 2}).GroupsJSON(raw)
	require.Len(t, res.Groups, 2)
	assert.Same(t, req.Resource, res.Groups[0].Resource)
	want := []struct{ group, reason, err string }{
		{"t", run.DropInvalid, `group 1: group "t": metrics_group_interval: must be an integer greater than zero`},
		{"named", run.DropInvalid, `group 2: group "named": dimensions[0]: dimension name "1x" has to match`},
		{"named", run.DropInvalid, `group 3: group "named": metrics[0].metric_value: expected a number`},
		{"", run.DropInvalid, "group 4: expected an object"},
		{"", run.DropInvalid, "group 5: expected an object"},
		{"", run.DropLimit, "run made 8 groups, limit is 2"},
	}
	require.Len(t, res.Dropped, len(want))
	for i, w := range want {
		assert.Equal(t, w.group, res.Dropped[i].Group)
		assert.Equal(t, w.reason, res.Dropped[i].Reason)
		assert.ErrorContains(t, res.Dropped[i].Err, `plugin "x": resource "r1": `+w.err)
	}
}

func TestAnswersOfWorkers(t *testing.T) {
	t.Parallel()
	req := run.Request{Plugin: goPlugin("x", time.Minute), Resource: testResource("r1")}
	call := run.Judged(req, run.Limits{Groups: 10})
	for _, c := range []struct {
		answer  string
		outcome run.Outcome
		err     string
	}{
		{`{"outcome":"ok"}`, run.OutcomeOK, ""},
		{`{"outcome":"none"}`, run.OutcomeNone, ""},
		{`{"outcome":"raised"}`, run.OutcomeRaised, "the plugin raised an exception"},
		{`{"outcome":"raised","error":{"type":"E"}}`, run.OutcomeRaised, `"r1": E`},
		{`{"outcome":"rejected","error":{"type":"E","message":"m","file":"/f.py","line":3}}`, run.OutcomeRejected, "/f.py:3: E: m"},
		{`{"outcome":"raised","error":{"type":"ResultTooLarge","message":"too much"}}`, run.OutcomeTooLarge, `"r1": too much`},
		{`{"outcome":"new"}`, run.OutcomeProtocol, `unknown outcome "new"`},
		{`{}`, run.OutcomeProtocol, `unknown outcome ""`},
	} {
		var a wire.Answer
		require.NoError(t, json.Unmarshal([]byte(c.answer), &a))
		res := a.Result(call, call.GroupsJSON)
		assert.Equal(t, c.outcome, res.Outcome, c.answer)
		if c.err == "" {
			assert.NoError(t, res.Err)
		} else {
			assert.ErrorContains(t, res.Err, c.err)
		}
	}
	var a wire.Answer
	require.NoError(t, json.Unmarshal([]byte(`{"outcome":"ok","dropped":[{"group":"g","metric":"m","reason":"of its own","message":"why"}]}`), &a))
	res := a.Result(call, call.GroupsJSON)
	require.Len(t, res.Dropped, 1)
	assert.Equal(t, run.DropInvalid, res.Dropped[0].Reason)
	assert.ErrorContains(t, res.Dropped[0].Err, "why")
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	seen := map[run.Outcome]bool{}
	for _, o := range run.Outcomes {
		assert.False(t, seen[o], o)
		seen[o] = true
		assert.Equal(t, o != run.OutcomeOK && o != run.OutcomeNone, o.Failed())
	}
	_, err := New(Settings{Python: python.Settings{PythonEnv: plugin.PythonEnv{MaxWorkers: -1}}})
	require.ErrorContains(t, err, "limits of Python workers")
	_, err = New(Settings{Limits: run.Limits{Groups: -1}})
	require.Error(t, err)
}

// What one group may have is bounded in whatever runtime, and what is over a bound costs itself alone.
func TestBoundsOfGroups(t *testing.T) {
	t.Parallel()
	req := run.Request{Plugin: goPlugin("x", time.Minute), Resource: testResource("r1")}
	group := func(groupType string, dimensions int, value, metric string) *pluginsdk.MetricsGroup {
		g, err := pluginsdk.NewMetricsGroup(req.Resource, groupType, time.Minute)
		require.NoError(t, err)
		for i := range dimensions {
			require.NoError(t, g.AddDimension(fmt.Sprintf("d%d", i), value))
		}
		require.NoError(t, g.AddGauge("good", 1))
		require.NoError(t, g.AddGauge(metric, 1))
		return g
	}
	long := strings.Repeat("n", bounds.NameBytes+1)
	groups := []*pluginsdk.MetricsGroup{
		group("t", 3, "v", "m"),
		group("many", 200_000, "v", "m"), // which takes no time
		group("value", 1, strings.Repeat("v", bounds.ValueBytes+1), "m"),
		group("metric", 1, "v", long),
		group(long, 1, "v", "m"),
		group("t", 1, "v", "m"),
	}
	call := run.Judged(req, run.Limits{Groups: 10, Bounds: bounds.Bounds{Dimensions: 3}})
	res := call.Groups(groups)
	require.Len(t, res.Groups, 3)
	assert.Len(t, res.Groups[1].Metrics(), 1)
	want := []struct{ group, metric, err string }{
		{"many", "", `group 1: too much: 200000 dimensions, limit is 3`},
		{"value", "", `group 2: too much: the value of dimension "d0" has 16385 bytes, limit is 16384`},
		{"metric", long, `group "metric": too much: the name of metric "` + long[:40] + `" has 1025 bytes, limit is 1024`},
		{long, "", `group 4: too much: the type of the group "` + long[:40] + `" has 1025 bytes, limit is 1024`},
	}
	require.Len(t, res.Dropped, len(want))
	for i, w := range want {
		assert.Equal(t, w.group, res.Dropped[i].Group)
		assert.Equal(t, w.metric, res.Dropped[i].Metric)
		assert.Equal(t, run.DropLimit, res.Dropped[i].Reason)
		assert.EqualError(t, res.Dropped[i].Err, `plugin "x": resource "r1": `+w.err)
	}
	var raw []json.RawMessage
	for _, g := range groups {
		raw = append(raw, g.AppendJSON(nil))
	}
	assert.Len(t, call.GroupsJSON(raw).Groups, 3)
}

// TestWhatIsToldOfDrops: names of what is dropped are cut, on one line and without secrets, and what is dropped is told a limited
// number of times, though all of it is counted.
func TestWhatIsToldOfDrops(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "community"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "community", "default"), []byte("swordfish"), 0o600))
	runners := goRunners(t, func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		community, err := pc.Secrets.Get(ctx, "community", "dc1")
		if err != nil {
			return nil, err
		}
		var set pluginsdk.MetricsGroupSet
		for i := range 5000 {
			g, err := pluginsdk.NewMetricsGroup(pc.Resource, fmt.Sprint(community, "\x1b[2J", i, strings.Repeat("t", 5000)), time.Minute)
			if err != nil {
				return nil, err
			}
			if err := g.AddGauge("ok", 1); err != nil {
				return nil, err
			}
			set.Add(g)
		}
		return &set, nil
	}, Settings{Host: Host{Logger: zap.NewNop(), Secrets: kv.NewSecrets(dir)}})
	result := runners.Run(t.Context(), run.Request{Plugin: goPlugin("x", time.Minute), Resource: testResource("id")})
	require.NotEmpty(t, result.Dropped)
	assert.Less(t, len(result.Dropped), 300)
	all := 0
	for _, d := range result.Dropped {
		all += 1 + d.More
		assert.Less(t, len(d.Group), 300)
		assert.True(t, strings.HasPrefix(d.Group, `(secret)\x1b[2J`), d.Group)
		assert.NotContains(t, d.Err.Error(), "swordfish")
	}
	assert.Equal(t, 5000, all)
}
