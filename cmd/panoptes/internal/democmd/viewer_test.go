package democmd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// message is a group with one counter, and its rate if it is to have one.
func message(groupType, cpu string, rate bool) string {
	m := `{"metric_creation_timestamp": 1600000000.5, "metric_name": "n", "metric_value": 50, "metric_type": "counter"}`
	if rate {
		m += `, {"metric_creation_timestamp": 1600000000.5, "metric_name": "n", "metric_value": 7, "metric_type": "gauge"}`
	}
	return fmt.Sprintf(`{"metrics_group_type": %q, "metrics_group_interval": 2, "metrics_group_creation_timestamp": 1600000000.5, `+
		`"metrics_group_schema_version": "0.2", "resource": {"resource_site": "local", "resource_class": "c", "resource_subclass": "s", `+
		`"resource_type": "t", "resource_id": "i", "resource_endpoint": "e", "resource_metadata": {"_resource_ttl": "900"}, `+
		`"resource_creation_timestamp": 1, "resource_plugin": null}, "metrics": [%s], `+
		`"dimensions": [{"dimension_name": "cpu_no", "dimension_value": %q}]}`, groupType, m, cpu)
}

type viewed struct {
	*viewer
	out *strings.Builder
	at  time.Time
}

func newViewed(all bool) *viewed {
	v := &viewed{out: &strings.Builder{}, at: time.Unix(1000, 0)}
	v.viewer = newViewer(v.out, term.Style{}, all)
	v.now = func() time.Time { return v.at }
	return v
}

// sees gives a message to the viewer and says whether it was shown.
func (v *viewed) sees(t *testing.T, value string) bool {
	t.Helper()
	before := v.out.Len()
	more, err := v.show(&kgo.Record{Topic: "local-processed", Key: []byte("c:s:t"), Value: []byte(value)})
	require.NoError(t, err)
	require.True(t, more)
	return v.out.Len() > before
}

func TestViewerChooses(t *testing.T) {
	t.Parallel()
	v := newViewed(false)
	require.True(t, v.sees(t, message("a", "1", false)), "the first of its type")
	require.False(t, v.sees(t, message("a", "1", false)), "shown already")
	require.True(t, v.sees(t, message("a", "2", false)), "another group")
	require.True(t, v.sees(t, message("a", "3", false)), "another group")
	require.False(t, v.sees(t, message("a", "4", false)), "too many in a second")
	require.True(t, v.sees(t, message("b", "1", false)), "the first of its type, in spite of that")
	require.True(t, v.sees(t, message("a", "1", true)), "the first rate of its type, in spite of that")
	require.False(t, v.sees(t, message("a", "2", true)))

	v.at = v.at.Add(time.Second)
	require.True(t, v.sees(t, message("a", "4", false)), "not shown yet")
	require.True(t, v.sees(t, message("a", "2", true)), "with rates for the first time")
	require.False(t, v.sees(t, message("a", "2", true)))
	v.at = v.at.Add(time.Minute)
	require.True(t, v.sees(t, message("a", "2", true)), "not shown for long")
	require.True(t, v.sees(t, "nonsense"), "shown, as the first that is none")

	v.summarize()
	require.Contains(t, v.out.String(), "... and 4 more: a 4 (--all shows them)\n")
	before := v.out.Len()
	v.summarize()
	require.Equal(t, before, v.out.Len(), "nothing came since")
	require.Equal(t, "Groups that arrived from Kafka: 13; (no metrics group) 1 (rates: 0), a 11 (rates: 5), b 1 (rates: 0)", v.total())
}

func TestViewerShowsAll(t *testing.T) {
	t.Parallel()
	v := newViewed(true)
	for range 20 {
		require.True(t, v.sees(t, message("a", "1", false)))
	}
	v.summarize()
	require.NotContains(t, v.out.String(), "more")
}

func TestViewerMissing(t *testing.T) {
	t.Parallel()
	v := newViewed(false)
	v.sees(t, message("a", "1", true))
	v.sees(t, message("b", "1", false))
	require.Empty(t, v.missing([]string{"a"}))
	require.Equal(t, []string{`no rate in a group of type "b"`, `no group of type "c"`}, v.missing([]string{"a", "b", "c"}))
}

func TestViewerForgets(t *testing.T) {
	t.Parallel()
	v := newViewed(true)
	for i := range maxRemembered + 10 {
		v.choose(fmt.Sprint(i), false, false)
	}
	require.LessOrEqual(t, len(v.groups), maxRemembered)
}

func TestCollectorLog(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	file := t.TempDir() + "/log"
	log, err := newCollectorLog(&out, file)
	require.NoError(t, err)
	for _, line := range []string{
		"2026-01-02T03:04:05.678Z\tinfo\tservice/service.go:1\tStarting",
		"a line that belongs to it",
		"2026-01-02T03:04:05.678Z\tinfo\tplugins.go:1\tLoaded plugin\t{\"plugin\": \"x\"}",
		"2026-01-02T03:04:05.678Z\twarn\treceiver.go:1\tPlugin does not load\t{\"resource\": {\"a\": \"b\"}, \"plugin\": \"x\"}",
		"\tits stack",
		"2026-01-02T03:04:05.678Z\tdebug\tx\ty\t{\"resource\": {\"a\": \"b\"}}",
	} {
		log.line(line)
	}
	require.NoError(t, log.close())
	require.Equal(t, "collector: Loaded plugin (plugin x)\ncollector: warn: Plugin does not load (plugin x)\ncollector: \tits stack\n", out.String())
	require.Equal(t, 6, strings.Count(log.tail(), "\n"))
	require.True(t, strings.HasSuffix(log.tail(), "\ty\n"), log.tail())
	require.Equal(t, 6, strings.Count(read(t, file), "\n"))
	for range 100 {
		log.line("x")
	}
	require.Equal(t, keptLines, strings.Count(log.tail(), "\n"))
}
