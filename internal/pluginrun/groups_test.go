package pluginrun

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const goodGroup = `{"metrics_group_type":"t","metrics_group_interval":60,"metrics":[` +
	`{"metric_name":"m","metric_type":"gauge","metric_value":1,"metric_creation_timestamp":1700000000.5}],"dimensions":[]}`

func TestDecodeGroups(t *testing.T) {
	t.Parallel()
	req := Request{Plugin: goPlugin("x", time.Minute), Resource: testResource("r1")}
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
	res := decodeGroups(req, raw, Limits{Groups: 2})
	require.Len(t, res.Groups, 2)
	assert.Same(t, req.Resource, res.Groups[0].Resource)
	want := []struct{ group, reason, err string }{
		{"t", DropInvalid, `group 1: group "t": metrics_group_interval: must be an integer greater than zero`},
		{"named", DropInvalid, `group 2: group "named": dimensions[0]: dimension name "1x" has to match`},
		{"named", DropInvalid, `group 3: group "named": metrics[0].metric_value: expected a number`},
		{"", DropInvalid, "group 4: expected an object"},
		{"", DropInvalid, "group 5: expected an object"},
		{"", DropLimit, "run made 8 groups, limit is 2"},
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
	req := Request{Plugin: goPlugin("x", time.Minute), Resource: testResource("r1")}
	for _, c := range []struct {
		answer  string
		outcome Outcome
		err     string
	}{
		{`{"outcome":"ok"}`, OutcomeOK, ""},
		{`{"outcome":"none"}`, OutcomeNone, ""},
		{`{"outcome":"raised"}`, OutcomeRaised, "the plugin raised an exception"},
		{`{"outcome":"raised","error":{"type":"E"}}`, OutcomeRaised, `"r1": E`},
		{`{"outcome":"rejected","error":{"type":"E","message":"m","file":"/f.py","line":3}}`, OutcomeRejected, "/f.py:3: E: m"},
		{`{"outcome":"raised","error":{"type":"ResultTooLarge","message":"too much"}}`, OutcomeTooLarge, `"r1": too much`},
		{`{"outcome":"new"}`, OutcomeProtocol, `unknown outcome "new"`},
		{`{}`, OutcomeProtocol, `unknown outcome ""`},
	} {
		var a runResult
		require.NoError(t, json.Unmarshal([]byte(c.answer), &a))
		res := a.result(req, Limits{Groups: 10})
		assert.Equal(t, c.outcome, res.Outcome, c.answer)
		if c.err == "" {
			assert.NoError(t, res.Err)
		} else {
			assert.ErrorContains(t, res.Err, c.err)
		}
	}
	a := runResult{Outcome: "ok", Dropped: []droppedByWorker{{Group: "g", Metric: "m", Reason: "of its own", Message: "why"}}}
	res := a.result(req, Limits{Groups: 10})
	require.Len(t, res.Dropped, 1)
	assert.Equal(t, DropInvalid, res.Dropped[0].Reason)
	assert.ErrorContains(t, res.Dropped[0].Err, "why")
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	seen := map[Outcome]bool{}
	for _, o := range Outcomes {
		assert.False(t, seen[o], o)
		seen[o] = true
		assert.Equal(t, o != OutcomeOK && o != OutcomeNone, o.Failed())
	}
	_, err := New(Settings{Python: PythonSettings{PythonEnv: PythonEnv{MaxWorkers: -1}}})
	require.ErrorContains(t, err, "limits of Python workers")
	_, err = New(Settings{Limits: Limits{Groups: -1}})
	require.Error(t, err)
}
