package chain

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
)

// Flags are the flags of commands that show what would go to Kafka.
type Flags struct {
	Rates      string
	Explain    bool
	Partitions int64

	noSiteTopics bool
	globalTopic  string
}

// Add adds the flags to a command's.
func (f *Flags) Add(flags *pflag.FlagSet) {
	flags.StringVar(&f.Rates, "rates", "int", "`KIND` of rates: int truncates them as Panoptes does, double keeps them")
	flags.BoolVar(&f.Explain, "explain", false, "print each group with its topics, its message key, its partitioning key and its partition")
	flags.Int64Var(&f.Partitions, "partitions", 0, "with --explain: the `NUMBER` of partitions of the topics; without it the partition is null")
	flags.BoolVar(&f.noSiteTopics, "no-site-topics", false, "with --explain: groups do not go to the topics of their sites")
	flags.StringVar(&f.globalTopic, "global-topic", "", "with --explain: groups go to one topic for all sites as well, of that `NAME`")
	flags.Lookup("global-topic").NoOptDefVal = "panoptes-metrics"
}

// Check returns what is wrong with the values of the flags.
func (f *Flags) Check() error {
	if kinds := []string{"int", "double"}; !slices.Contains(kinds, f.Rates) {
		return exit.Misusef("unknown --rates %q: expected one of %q", f.Rates, kinds)
	}
	if f.Partitions < 0 || f.Partitions > math.MaxInt32 {
		return exit.Misusef("--partitions must be from 1 to %d, is %d", math.MaxInt32, f.Partitions)
	}
	return nil
}

// DoubleRates says whether rates stay doubles.
func (f *Flags) DoubleRates() bool { return f.Rates == "double" }

// AppendGroup appends a group as one line: the message as it would go to Kafka, or with --explain where it would go
// as well.
func (f *Flags) AppendGroup(b []byte, g pdata.Group) []byte {
	if !f.Explain {
		return append(g.AppendJSON(b), '\n')
	}
	topics, _ := route.Topics(route.Options{
		SiteTopics: !f.noSiteTopics, GlobalTopic: f.globalTopic != "", GlobalTopicName: f.globalTopic,
	}, g.Resource.Site, g.Topics)
	key := route.AppendPartitioningKey(nil, g.MetricsGroup)

	b = append(b, `{"group": `...)
	b = g.AppendJSON(b)
	b = append(b, `, "topics": [`...)
	for i, t := range topics {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = pyjson.AppendString(b, t)
	}
	b = append(b, `], "key": `...)
	if len(topics) == 0 {
		b = append(b, "null"...) // it goes nowhere
	} else {
		b = pyjson.AppendString(b, route.MessageKey(g.Resource))
	}
	b = append(b, `, "partitioning_key": `...)
	b = pyjson.AppendString(b, string(key))
	b = append(b, `, "partition": `...)
	if f.Partitions == 0 || len(topics) == 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(route.Partition(key, int32(f.Partitions))), 10)
	}
	return append(b, "}\n"...)
}

// Losses says in words what a report counts, reasons in alphabetical order: "2 not_finite, 1 no_value"; "" for nothing.
// With dropped it tells the data points that were dropped, otherwise those that were changed.
func Losses(r pdata.Report, dropped bool) string {
	var parts []string
	for reason, n := range r {
		if n > 0 && reason.Dropped() == dropped {
			parts = append(parts, fmt.Sprintf("%d %s", n, reason))
		}
	}
	slices.SortFunc(parts, func(a, b string) int {
		return strings.Compare(a[strings.IndexByte(a, ' '):], b[strings.IndexByte(b, ' '):])
	})
	return strings.Join(parts, ", ")
}
