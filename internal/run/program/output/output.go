package output

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/panoptes-otel/panoptes-otel/internal/group/bounds"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Format is what an exec plugin writes to its stdout: [main] output of its plugin file.
type Format string

const (
	// JSON is metrics groups in Panoptes' JSON or the short form. It is the default.
	JSON Format = "json"
	// Prometheus is the Prometheus text format, or OpenMetrics.
	Prometheus Format = "prometheus"
	// Nagios is status and performance data of a Nagios plugin.
	Nagios Format = "nagios"
)

// ParseFormat reads a format; "" is JSON.
func ParseFormat(text string) (Format, error) {
	switch f := Format(text); f {
	case "":
		return JSON, nil
	case JSON, Prometheus, Nagios:
		return f, nil
	}
	return "", fmt.Errorf("output must be %q, %q or %q, is %q", JSON, Prometheus, Nagios, text)
}

// Defaults are what output may leave out, and how it is read.
type Defaults struct {
	Resource *pluginsdk.Resource
	// Type is the type of groups in formats that have no types of their own.
	Type string
	// Interval is in seconds.
	Interval int
	// Time is for what has no time of its own, in seconds since 1970.
	Time pluginsdk.Number
	// Units says what becomes of the units of performance data.
	Units Units
	// Groups is the most groups that are read (default 100,000).
	Groups int
	// Bounds are those of each group.
	Bounds bounds.Bounds
}

const defaultGroups = 100_000

func (d Defaults) group(groupType string) *pluginsdk.MetricsGroup {
	return &pluginsdk.MetricsGroup{
		Resource: d.Resource, Type: groupType, Interval: d.Interval, Timestamp: pluginsdk.NumberTimestamp(d.Time),
	}
}

// Item is one metrics group, or what is left out and why.
type Item struct {
	// Group is nil where Err is set.
	Group *pluginsdk.MetricsGroup
	// Type is the group's type, as far as it is known.
	Type string
	// Metric is the name of the one metric that is left out; "" where it is a group, or a line.
	Metric string
	Err    error
	// More is how many further things are left out that no item of their own speaks of.
	More int
}

var (
	// ErrFormat is what the error of Read wraps where nothing at all could be read.
	ErrFormat = errors.New("stdout has no metrics groups")
	// ErrLimit is what the error of an item wraps that is over a limit.
	ErrLimit = bounds.Err
)

// Read reads all output of a run, of which exitCode is the exit code that Nagios plugins speak with. The items come in
// the order of the output. Output without any group is no error, unless something was there that is none. Where ctx ends
// first Read returns its error: the time that the reading takes is the run's.
func Read(ctx context.Context, format Format, data []byte, exitCode int, d Defaults) ([]Item, error) {
	d.Groups = cmp.Or(d.Groups, defaultGroups)
	c := &collector{ctx: ctx, defaults: d}
	data = plainText(data)
	switch format {
	case Prometheus:
		readPrometheus(c, data)
	case Nagios:
		readNagios(c, data, exitCode)
	default:
		readJSON(c, data)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading the output was given up: %w", err)
	}
	items := c.all()
	for _, i := range items {
		if i.Err == nil || i.Type != "" {
			return items, nil
		}
	}
	if len(items) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrFormat, items[0].Err)
	}
	return nil, nil
}

// collector gathers the items of one output. It bounds both groups and errors, whatever the output has.
type collector struct {
	ctx      context.Context
	defaults Defaults
	items    []Item
	groups   int
	failed   int // items with an error
	further  int // errors beyond maxErrors
	over     int // groups beyond the limit
	worked   int // calls of done
}

// maxErrors is how many things that are left out get a text of their own.
const maxErrors = 100

// done says whether ctx has ended. It is called for each thing that is read, and looks at times only.
func (c *collector) done() bool {
	const every = 256
	c.worked++
	return c.worked%every == 0 && c.ctx.Err() != nil
}

// room says whether another group may come, and counts the one that may not.
func (c *collector) room() bool {
	if c.groups < c.defaults.Groups {
		return true
	}
	c.over++
	return false
}

func (c *collector) add(g *pluginsdk.MetricsGroup) {
	c.groups++
	c.items = append(c.items, Item{Group: g, Type: g.Type})
}

func (c *collector) fail(i Item) {
	if c.failed++; c.failed > maxErrors {
		c.further += 1 + i.More
		return
	}
	c.items = append(c.items, i)
}

func (c *collector) failf(groupType, format string, args ...any) {
	if c.failed >= maxErrors { // what is only counted needs no text
		c.failed++
		c.further++
		return
	}
	c.fail(Item{Type: groupType, Err: fmt.Errorf(format, args...)})
}

// take adds what a Reader made of one value.
func (c *collector) take(items []Item) {
	for _, i := range items {
		switch {
		case i.Err != nil:
			c.fail(i)
		case c.room():
			c.add(i.Group)
		}
	}
}

// all returns the items, with one at the end for all that was only counted.
func (c *collector) all() []Item {
	if c.over > 0 {
		c.items = append(c.items, Item{
			Type: c.defaults.Type, More: c.over - 1,
			Err: fmt.Errorf("%w: the limit is %d groups, and %d samples or groups beyond it are left out", ErrLimit, c.defaults.Groups, c.over),
		})
	}
	if c.further > 0 {
		c.items = append(c.items, Item{More: c.further - 1, Err: fmt.Errorf("%d more are left out, for reasons like those before", c.further)})
	}
	return c.items
}

// short cuts a text for an error.
func short(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// plainText is output without the byte order mark that editors and shells of Windows write. Where that is one of UTF-16 the
// text is turned into UTF-8.
func plainText(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(data, []byte("\uFEFF"))
	}
	units := make([]uint16, 0, len(data)/2)
	for rest := data[2:]; len(rest) > 1; rest = rest[2:] {
		units = append(units, order.Uint16(rest))
	}
	return []byte(string(utf16.Decode(units)))
}
