package output

import (
	"errors"
	"fmt"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// MaxNagiosState is the highest exit code that is a state: 0 is OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
const MaxNagiosState = 3

// readNagios makes a group of the state, and one of each item of performance data.
func readNagios(c *collector, data []byte, state int) {
	g := c.defaults.group(c.defaults.Type)
	// The name is valid, and the group is empty.
	_ = g.AddMetric(pluginsdk.Metric{Name: "state", Type: pluginsdk.Gauge, Value: pluginsdk.Int(int64(state)), Timestamp: c.defaults.Time})
	c.add(g)
	_, perfdata := splitNagios(data)
	for line := range strings.Lines(perfdata) {
		for s := newPerfScanner(line); !c.done(); {
			item, err := s.next()
			switch {
			case errors.Is(err, errNoItem):
			case err != nil:
				c.failf(c.defaults.Type, "performance data: %w", err)
				continue
			default:
				c.perfItem(item)
				continue
			}
			break
		}
	}
}

// perfItem adds the group of an item, or says what is wrong with it.
func (c *collector) perfItem(item perfItem) {
	g, problems, err := item.group(c.defaults)
	if err == nil && g != nil {
		err = c.defaults.Bounds.Check(g)
	}
	switch {
	case err != nil:
		c.fail(Item{Type: c.defaults.Type, Err: fmt.Errorf("performance data: %w", err)})
	case g != nil && c.room():
		c.add(g)
	}
	for _, p := range problems {
		c.fail(Item{Type: c.defaults.Type, Metric: p.metric, Err: fmt.Errorf("performance data: %w", p.err)})
	}
}

// NagiosText is what a check writes for people.
func NagiosText(data []byte) string {
	text, _ := splitNagios(plainText(data))
	return text
}

// splitNagios splits output into the text for people and the performance data: the first line has both, separated by
// "|"; the lines after it are text up to another "|", from which on all is performance data. Items do not go beyond
// the end of a line.
func splitNagios(data []byte) (text, perfdata string) {
	output := strings.ReplaceAll(strings.ToValidUTF8(string(data), "\uFFFD"), "\r\n", "\n")
	first, rest, _ := strings.Cut(output, "\n")
	text, perfdata, _ = strings.Cut(first, "|")
	long, more, _ := strings.Cut(rest, "|")
	text = strings.TrimSpace(strings.TrimSpace(text) + "\n" + strings.TrimSpace(long))
	return text, strings.TrimSpace(perfdata + "\n" + more)
}
