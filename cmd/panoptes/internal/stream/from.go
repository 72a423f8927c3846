package stream

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// ParseFrom reads where to begin in each partition: "start", "end", an offset, "-N" for the last N messages, a time as
// RFC 3339 has it, or how long ago, as 15m. Times are those that Kafka has of the messages.
func ParseFrom(text string, now time.Time) (kgo.Offset, error) {
	switch text {
	case "start":
		return kgo.NewOffset().AtStart(), nil
	case "end":
		return kgo.NewOffset().AtEnd(), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 0 || strings.HasPrefix(text, "-") {
			return kgo.NewOffset().AtEnd().Relative(n), nil
		}
		return kgo.NewOffset().At(n), nil
	}
	if at, ok := parseTime(text, now); ok {
		return kgo.NewOffset().AfterMilli(at.UnixMilli()), nil
	}
	return kgo.Offset{}, exit.Misusef("unknown --from %q: expected start, end, an offset, -N for the last N messages of each partition, "+
		"a time as 2006-01-02T15:04:05Z, or how long ago as 15m", text)
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

// consume says which topics to read: names, and patterns with * and ?, which are not legal in names. Topics that match
// a pattern are read when they come into being, too.
func consume(topics []string) []kgo.Opt {
	if len(topics) == 0 {
		topics = []string{AllProcessed}
	}
	if !strings.ContainsAny(strings.Join(topics, ""), "*?") {
		return []kgo.Opt{kgo.ConsumeTopics(topics...)}
	}
	var patterns []string
	for _, t := range topics {
		p := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(t))
		patterns = append(patterns, "^"+p+"$")
	}
	return []kgo.Opt{kgo.ConsumeTopics(patterns...), kgo.ConsumeRegex()}
}
