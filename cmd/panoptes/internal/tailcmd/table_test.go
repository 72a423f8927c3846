package tailcmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// metric is a metric as name, type and value.
func metric(t *testing.T, g *pluginsdk.MetricsGroup, name string, kind pluginsdk.MetricType, value string, at float64) {
	t.Helper()
	n, err := pluginsdk.ParseNumber(value)
	require.NoError(t, err)
	require.NoError(t, g.AddMetric(pluginsdk.Metric{Name: name, Type: kind, Value: n, Timestamp: pluginsdk.Float(at)}))
}

func group(t *testing.T, site, id, groupType string, dimensions ...string) *pluginsdk.MetricsGroup {
	t.Helper()
	g := &pluginsdk.MetricsGroup{Resource: &pluginsdk.Resource{Site: site, ID: id}, Type: groupType}
	for i := 0; i < len(dimensions); i += 2 {
		require.NoError(t, g.AddDimension(dimensions[i], dimensions[i+1]))
	}
	return g
}

var start = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// filled is a view of a few resources.
func filled(t *testing.T, style term.Style) *Table {
	t.Helper()
	v := &Table{table: newTable(), style: style}
	for i := range 2 {
		at := float64(1000 + 10*i)
		g := group(t, "dc1", "switch1", "interface", "name", "xe-0/0/1", "alias", "up\nlink")
		metric(t, g, "octets", pluginsdk.Counter, fmt.Sprint(5000*i), at)
		metric(t, g, "octets", pluginsdk.Gauge, fmt.Sprint(100*i), at)
		metric(t, g, "errors", pluginsdk.Counter, fmt.Sprint(7*i), at)
		metric(t, g, "load", pluginsdk.Gauge, "0.5", at)
		v.table.add(g, start)
		other := group(t, "dc1", "switch1", "cpu")
		metric(t, other, "load", pluginsdk.Gauge, "1e-07", at)
		v.table.add(other, start.Add(time.Duration(i)*30*time.Second))
	}
	return v
}

func TestFrame(t *testing.T) {
	t.Parallel()
	v := filled(t, term.Style{Aligned: true, Screen: true})
	v.bads = 2
	assert.Equal(t, []string{
		`panoptes tail   15:05:05   groups 4   series 4   left out 2`,
		`SITE  RESOURCE  TYPE       DIMENSIONS                    METRIC  VALUE   RATE  AGE`,
		`dc1   switch1   cpu                                      load    1e-07         30s`,
		`                interface  alias=up\nlink,name=xe-0/0/1  errors      7  0.7/s   1m`,
		`                                                         load      0.5          1m`,
		`                                                         octets   5000  100/s   1m`,
	}, v.frame(100, 20, start.Add(time.Minute)))
}

func TestFrameFits(t *testing.T) {
	t.Parallel()
	v := filled(t, term.Style{})
	for range 2 {
		g := group(t, "dc2", strings.Repeat("long", 20), "type", "dimension", strings.Repeat("\u6771", 90))
		metric(t, g, "m", pluginsdk.Gauge, "5", 1)
		v.table.add(g, start)
	}
	for _, width := range []int{70, 80, 120, 300} {
		for _, height := range []int{1, 4, 6, 7, 8, 50} {
			lines := v.frame(width, height, start)
			assert.LessOrEqual(t, len(lines), max(height, 4))
			for _, l := range lines {
				assert.LessOrEqual(t, len([]rune(l)), width, l)
			}
			assert.Equal(t, height < 8, strings.HasSuffix(lines[len(lines)-1], "more: narrow it down with --filter, --type or --topic"), "%d: %s", height, lines)
		}
	}
	assert.Equal(t, []string{"panoptes tail   15:04:05   groups 0   series 0", "SITE  RESOURCE  TYPE  DIMENSIONS  METRIC  VALUE  RATE  AGE", "waiting for groups"},
		(&Table{table: newTable()}).frame(80, 24, start))
}

// What stands above the table stays there, and the last that there was to say below it.
func TestFrameHasHeadAndNews(t *testing.T) {
	t.Parallel()
	v := filled(t, term.Style{})
	v.style.Screen, v.head = true, []string{"http://127.0.0.1:1/", "two"}
	for i := range 2 * maxNews {
		v.Note(fmt.Sprintf("said\n%d", i))
	}
	all := filled(t, term.Style{}).frame(100, 100, start)
	for height := 12; height < 30; height++ {
		lines := v.frame(100, height, start)
		assert.LessOrEqual(t, len(lines), height)
		assert.Equal(t, []string{"http://127.0.0.1:1/", "two", all[0]}, lines[:3])
		assert.Equal(t, []string{`said\n4`, `said\n5`, `said\n6`, `said\n7`}, lines[len(lines)-maxNews:])
	}
}

func TestFrameColours(t *testing.T) {
	t.Parallel()
	lines := filled(t, term.Style{Color: true}).frame(100, 20, start)
	assert.Contains(t, lines[1], "\x1b[1mSITE\x1b[0m")
	assert.Contains(t, lines[5], "\x1b[36m100/s\x1b[0m")
	for _, l := range filled(t, term.Style{Screen: true}).frame(100, 20, start) {
		assert.NotContains(t, l, "\x1b", "NO_COLOR")
	}
}

// TestRatesOfTable: the message's rate, or else a counter's growth; nothing after a reset or for a single value.
func TestRatesOfTable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		values []string // time, type, value, and perhaps a rate
		want   string
	}{
		"one value":             {[]string{"10 counter 5"}, ""},
		"two values":            {[]string{"10 counter 5", "14 counter 7"}, "0.5"},
		"equal values":          {[]string{"10 counter 5", "14 counter 5"}, "0"},
		"reset":                 {[]string{"10 counter 5", "14 counter 7", "18 counter 1"}, ""},
		"the same again":        {[]string{"10 counter 5", "14 counter 7", "14 counter 7"}, "0.5"},
		"an older one":          {[]string{"10 counter 5", "14 counter 7", "12 counter 8"}, ""},
		"rate of the message":   {[]string{"10 counter 5", "14 counter 7 3"}, "3"},
		"no rate any more":      {[]string{"10 counter 5 3", "14 counter 4"}, ""},
		"gauge":                 {[]string{"10 gauge 5", "14 gauge 7"}, ""},
		"a gauge no longer":     {[]string{"10 gauge 5", "14 counter 7"}, ""},
		"a counter no longer":   {[]string{"10 counter 5", "14 counter 7", "18 gauge 7"}, ""},
		"more than 53 bits":     {[]string{"10 counter 18446744073709551615", "14 counter 18446744073709551615"}, "0"},
		"a thousandth at least": {[]string{"0 counter 0", "3000 counter 1"}, "0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := newTable()
			for _, text := range tt.values {
				f := strings.Fields(text)
				var at float64
				_, err := fmt.Sscan(f[0], &at)
				require.NoError(t, err)
				g := group(t, "s", "r", "t")
				kind := pluginsdk.Gauge
				if f[1] == "counter" {
					kind = pluginsdk.Counter
				}
				metric(t, g, "m", kind, f[2], at)
				if len(f) > 3 {
					metric(t, g, "m", pluginsdk.Gauge, f[3], at)
				}
				table.add(g, start)
			}
			require.Len(t, table.series(), 1)
			require.Equal(t, tt.want, table.series()[0].rate)
		})
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59900 * time.Millisecond: "59s", time.Minute: "1m", 61 * time.Minute: "1h01m", 48 * time.Hour: "2d",
	} {
		require.Equal(t, want, age(d))
	}
}

func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	v := &Table{table: newTable()}
	for i := range maxSeries + 5 {
		g := group(t, "s", "r", "t", "d", fmt.Sprint(i))
		metric(t, g, "m", pluginsdk.Gauge, "1", 1)
		v.table.add(g, start)
	}
	require.Len(t, v.table.series(), maxSeries)
	lines := v.frame(100, 10, start)
	require.Contains(t, lines[len(lines)-1], "19993 more: narrow it down")
	require.Contains(t, lines[len(lines)-1], "of more than 20000 series the first")
}

// TestScreen: the table is drawn on a screen of its own, which is left; what was no group is told after that, and the
// last frame stays.
func TestScreen(t *testing.T) {
	t.Parallel()
	var out, stderr bytes.Buffer
	v := filled(t, term.Style{Screen: true, Aligned: true})
	ctx, stop := context.WithCancel(t.Context())
	v.out, v.stderr, v.stop, v.done = &out, &stderr, stop, make(chan struct{})
	for i := range 2 * maxComplaints {
		v.Bad(fmt.Sprintf("bad\n%d", i))
	}
	stop()
	v.draw(ctx)
	require.NoError(t, v.Close())
	screen, after, found := strings.Cut(out.String(), leaveScreen)
	require.True(t, found)
	require.True(t, strings.HasPrefix(screen, enterScreen+home+clearLine+"panoptes tail "), screen)
	require.Contains(t, screen, "left out 20")
	require.Equal(t, 1, strings.Count(screen, "SITE"))
	require.NotContains(t, after, "\x1b")
	require.Contains(t, after, "octets   5000  100/s")
	require.Equal(t, maxComplaints, strings.Count(stderr.String(), "\n"))
	require.Contains(t, stderr.String(), `panoptes: bad\n0`)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestScreenThatIsGone: the next group ends the command.
func TestScreenThatIsGone(t *testing.T) {
	t.Parallel()
	v := filled(t, term.Style{Screen: true})
	v.out, v.done = brokenWriter{}, make(chan struct{})
	v.draw(t.Context())
	require.ErrorIs(t, v.Show(stream.Message{Group: group(t, "s", "r", "t")}), io.ErrClosedPipe)
}
