package resourcekeys

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// noPlugin stands for the plugin of resources that have none, for which Panoptes has no key.
const noPlugin = "panoptes_otelcol"

// pair is a resource as Panoptes stores it.
func pair(r *pluginsdk.Resource, now time.Time) hostapi.Pair {
	return hostapi.Pair{Key: key(r), Value: value(r, now), TTL: store.TimeToLive(r)}
}

func key(r *pluginsdk.Resource) string {
	if r.Plugin == "" {
		named := *r
		named.Plugin = noPlugin
		r = &named
	}
	return r.Key()
}

func value(r *pluginsdk.Resource, now time.Time) string {
	var b strings.Builder
	b.WriteString("timestamp|" + timestamp(r.CreationTimestamp, now) + "|")
	for _, m := range r.Metadata {
		b.WriteString("meta." + m.Key + "|" + m.Value + "|")
	}
	return b.String()
}

// readable is what Panoptes reads as a timestamp: with one of another form it cannot read the resource.
var readable = regexp.MustCompile(`^\d{10}\.\d+$`)

// timestamp is the text of a timestamp: as it was given where Panoptes can read that, else as a number with a point, and now
// for one that is no time of our days.
func timestamp(t pluginsdk.Timestamp, now time.Time) string {
	if text := t.String(); readable.MatchString(text) {
		return text
	}
	seconds, _ := t.Seconds()
	text := strconv.FormatFloat(seconds, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	if readable.MatchString(text) {
		return text
	}
	return strconv.FormatFloat(float64(now.UnixMilli())/1000, 'f', 3, 64)
}
