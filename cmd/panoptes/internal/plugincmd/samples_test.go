package plugincmd

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestSamples(t *testing.T) {
	t.Parallel()
	res := &pluginsdk.Resource{Site: "dc1", Class: "c", Subclass: "s", Type: "t", ID: "one", Endpoint: "e"}
	g, err := pluginsdk.NewMetricsGroup(res, "example", time.Minute)
	require.NoError(t, err)
	group := pdata.Group{MetricsGroup: g}
	s := &samples{rules: []transforms.Rule{{GroupType: "example", Metrics: []string{"n"}}}, last: map[string]pluginsdk.Metric{}}
	for _, step := range []struct {
		at, value int64
		rate      bool
		want      string
	}{
		{100, 10, false, "no rate: first value"},
		{160, 70, true, "10 -> 70 in 1m0s"},
		{100, 20, false, "no rate: 1m0s older than the value before"},
		{160, 80, false, "no rate: same time as the value before"},
		{220, 20, false, "no rate: fell from 80 to 20"},
		{401, 90, false, "no rate: 3m1s after the value before, more than 3 intervals"},
		{461, 99, false, "no rate: the group has a gauge of that name"},
	} {
		res.Endpoint += "x" // which is none of the series' identity
		m := pluginsdk.Metric{Name: "n", Type: pluginsdk.Counter, Value: pluginsdk.Int(step.value), Timestamp: pluginsdk.Int(step.at)}
		assert.Equal(t, step.want, s.note(group, m, step.rate), step.at)
	}
	assert.Empty(t, s.note(group, pluginsdk.Metric{Name: "n", Type: pluginsdk.Gauge}, false))
	assert.Empty(t, s.note(group, pluginsdk.Metric{Name: "other", Type: pluginsdk.Counter}, false))
}
