package tailcmd

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxSeries bounds the rows of a table. Whoever has more looks at a part: --filter, --type.
const maxSeries = 20_000

// seriesKey is what tells rows apart, in their order.
type seriesKey struct{ site, resource, groupType, dimensions, metric string }

func (k seriesKey) compare(o seriesKey) int {
	return cmp.Or(strings.Compare(k.site, o.site), strings.Compare(k.resource, o.resource), strings.Compare(k.groupType, o.groupType),
		strings.Compare(k.dimensions, o.dimensions), strings.Compare(k.metric, o.metric))
}

// series is a row: what is known of one metric.
type series struct {
	seriesKey
	counter bool
	value   pluginsdk.Number
	time    float64 // seconds since 1970
	rate    string
	arrived time.Time
}

// table holds the last value of each metric. It is not safe for concurrent use.
type table struct {
	rows   map[seriesKey]*series
	sorted []*series // nil where it has to be made anew
	groups int
	beyond int // values of series beyond maxSeries
}

func newTable() *table { return &table{rows: map[seriesKey]*series{}} }

// add takes the values of a group. A gauge beside a counter of its name is the counter's rate, and no row of its own.
func (t *table) add(g *pluginsdk.MetricsGroup, now time.Time) {
	t.groups++
	key := seriesKey{site: g.Resource.Site, resource: g.Resource.ID, groupType: g.Type}
	for _, d := range g.SortedDimensions() {
		if key.dimensions != "" {
			key.dimensions += ","
		}
		key.dimensions += d.Name + "=" + d.Value
	}
	rates := map[string]string{}
	for _, r := range stream.Rates(g) {
		rates[r.Name] = r.Value.String()
	}
	for _, m := range g.Metrics() {
		rate, counted := rates[m.Name]
		if counted && m.Type == pluginsdk.Gauge {
			continue
		}
		key.metric = m.Name
		s := t.rows[key]
		if s == nil {
			if len(t.rows) >= maxSeries {
				t.beyond++
				continue
			}
			s = &series{seriesKey: key.clone()}
			t.rows[s.seriesKey] = s
			t.sorted = nil
		}
		s.update(m, rate, now)
	}
}

// clone returns a key that keeps no message alive.
func (k seriesKey) clone() seriesKey {
	return seriesKey{
		strings.Clone(k.site), strings.Clone(k.resource), strings.Clone(k.groupType), strings.Clone(k.dimensions), strings.Clone(k.metric),
	}
}

// update takes the next value. Where the message has no rate a counter's own growth makes it.
func (s *series) update(m pluginsdk.Metric, rate string, now time.Time) {
	at := m.Timestamp.Float64()
	counter := m.Type == pluginsdk.Counter
	switch {
	case rate != "":
		s.rate = rate
	case !counter || !s.counter:
		s.rate = ""
	case at != s.time:
		s.rate = ""
		if grown := m.Value.Float64() - s.value.Float64(); at > s.time && grown >= 0 {
			s.rate = strconv.FormatFloat(math.Round(grown/(at-s.time)*1000)/1000, 'f', -1, 64)
		}
	}
	s.counter, s.value, s.time, s.arrived = counter, m.Value, at, now
}

// series returns the rows in order.
func (t *table) series() []*series {
	if t.sorted == nil {
		for _, s := range t.rows {
			t.sorted = append(t.sorted, s)
		}
		slices.SortFunc(t.sorted, func(a, b *series) int { return a.compare(b.seriesKey) })
	}
	return t.sorted
}

var heading = []string{"SITE", "RESOURCE", "TYPE", "DIMENSIONS", "METRIC", "VALUE", "RATE", "AGE"}

// Columns of the table that are numbers stand at the right; those that name things are left out where they say the
// same as the row above.
const (
	names  = 4
	values = 5
)

// cells returns the heading and the text of some rows.
func cells(rows []*series, now time.Time) [][]string {
	out := [][]string{heading}
	for _, s := range rows {
		rate := s.rate
		if rate != "" {
			rate += "/s"
		}
		row := []string{s.site, s.resource, s.groupType, s.dimensions, s.metric, s.value.String(), rate, age(now.Sub(s.arrived))}
		for i := range row {
			row[i] = term.Cell(row[i])
		}
		out = append(out, row)
	}
	return out
}

func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return strconv.Itoa(int(d.Hours())/24) + "d"
}
