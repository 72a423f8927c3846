package stream

import (
	"context"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// From is where to begin in each partition: at an offset, or at a time.
type From struct {
	offset kgo.Offset
	since  time.Time
}

// Start is the beginning of each partition.
func Start() From { return From{offset: kgo.NewOffset().AtStart()} }

// ParseFrom reads where to begin in each partition: "start", "end", an offset, "-N" for the last N messages, a time as
// RFC 3339 has it, or how long ago, as 15m. Times are those that Kafka has of the messages, or else their own.
func ParseFrom(text string, now time.Time) (From, error) {
	switch text {
	case "start":
		return Start(), nil
	case "end":
		return From{offset: kgo.NewOffset().AtEnd()}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 0 || strings.HasPrefix(text, "-") {
			return From{offset: kgo.NewOffset().AtEnd().Relative(n)}, nil
		}
		return From{offset: kgo.NewOffset().At(n)}, nil
	}
	if at, ok := parseTime(text, now); ok {
		return From{since: at}, nil
	}
	return From{}, exit.Misusef("unknown --from %q: expected start, end, an offset, -N for the last N messages of each partition, "+
		"a time as 2006-01-02T15:04:05Z, or how long ago as 15m", text)
}

// begin finds the offsets. opts are those of the connection.
func (f From) begin(opts []kgo.Opt) func(context.Context, *kgo.Client, map[string][]int32) (map[string]map[int32]kgo.Offset, error) {
	return func(ctx context.Context, client *kgo.Client, topics map[string][]int32) (map[string]map[int32]kgo.Offset, error) {
		var found kafkaclient.Offsets
		if !f.since.IsZero() {
			var err error
			if found, err = kafkaclient.OffsetsSince(ctx, client, opts, f.since, slices.Sorted(maps.Keys(topics))...); err != nil {
				return nil, err
			}
		}
		from := map[string]map[int32]kgo.Offset{}
		for topic, partitions := range topics {
			from[topic] = map[int32]kgo.Offset{}
			for _, p := range partitions {
				from[topic][p] = f.offset
				if at, ok := found[topic][p]; ok {
					from[topic][p] = kgo.NewOffset().At(at)
				}
			}
		}
		return from, nil
	}
}

// parseTime reads a time, or how long ago.
func parseTime(text string, now time.Time) (time.Time, bool) {
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil && at.UnixMilli() >= 0
}

// ParseSince reads the time from which on a window reaches: "start" is the zero time.
func ParseSince(text string, now time.Time) (time.Time, error) {
	if text == "start" {
		return time.Time{}, nil
	}
	if at, ok := parseTime(text, now); ok {
		return at, nil
	}
	return time.Time{}, exit.Misusef("unknown --from %q: expected start, a time as 2006-01-02T15:04:05Z, or how long ago as 15m", text)
}

// AllProcessed is a pattern of the topics that carry metrics groups: those of all sites.
const AllProcessed = "*-processed"

// wanted says which topics to read: by their names, or by patterns with * and ?, which are not legal in names.
func wanted(topics []string) (names []string, match func(string) bool) {
	if len(topics) == 0 {
		topics = []string{AllProcessed}
	}
	if !strings.ContainsAny(strings.Join(topics, ""), "*?") {
		return topics, nil
	}
	return nil, func(name string) bool {
		return slices.ContainsFunc(topics, func(pattern string) bool { return matches(pattern, name) })
	}
}

// matches says whether a name matches a pattern with * and ?.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
