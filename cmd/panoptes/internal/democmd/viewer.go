package democmd

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/tailcmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
)

const (
	// maxPerSecond is how many groups are shown a second, so that a person can read along.
	maxPerSecond = 3
	// summaryEvery is how often the groups that were not shown are counted up.
	summaryEvery = 5 * time.Second
	// maxRemembered bounds what the viewer remembers of single groups.
	maxRemembered = 10_000
)

// viewer shows groups, few enough for a person to read, and keeps count of all. It is safe for concurrent use.
type viewer struct {
	out   io.Writer
	style term.Style
	all   bool
	now   func() time.Time
	// reader is for show, which nothing else calls meanwhile.
	reader *stream.Reader
	// table takes all groups where a terminal shows them; nil where they are printed.
	table *tailcmd.Table

	mu      sync.Mutex
	groups  map[string]*shown    // by partitioning key
	types   map[string]*arrivals // by group type
	second  int64                // of the count below
	inOne   int                  // shown in this second
	skipped map[string]int       // by group type, since the last summary
	count   int
	buf     []byte
}

// shown is what was shown of a group.
type shown struct {
	rates bool
	at    time.Time
}

// arrivals is what came of a type.
type arrivals struct{ groups, rates int }

func newViewer(out io.Writer, style term.Style, all bool) *viewer {
	return &viewer{
		out: out, style: style, all: all, now: time.Now, reader: stream.NewReader(),
		groups: map[string]*shown{}, types: map[string]*arrivals{}, skipped: map[string]int{},
	}
}

// show takes one record; it is called for each, one after the other.
func (v *viewer) show(r *kgo.Record) (bool, error) {
	return true, v.reader.Each(r, v.message)
}

func (v *viewer) message(m stream.Message) error {
	rates := stream.Rates(m.Group)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count++
	kind, key := "(no metrics group)", ""
	if m.Group != nil {
		kind = strings.Clone(m.Group.Type) // a part of the message
		key = m.Group.Resource.Site + "|" + string(route.AppendPartitioningKey(nil, m.Group))
	}
	a := v.types[kind]
	if a == nil {
		a = &arrivals{}
		v.types[kind] = a
	}
	first := a.groups == 0 || a.rates == 0 && len(rates) > 0
	a.groups++
	a.rates += len(rates)
	if v.table != nil {
		if m.Group == nil {
			v.table.Bad(fmt.Sprintf("topic %q: no metrics group: %v", m.Topic, m.Err))
			return nil
		}
		return v.table.Show(m)
	}
	if !v.choose(key, len(rates) > 0, first) {
		v.skipped[kind]++
		return nil
	}
	v.buf = append(m.Append(v.buf[:0], v.style), '\n')
	_, err := v.out.Write(v.buf)
	return err
}

// choose says whether to show a group: the first of a type always, then as many as a person can read, those first that
// were not shown yet, or not with rates, or not for long.
func (v *viewer) choose(key string, rates, first bool) bool {
	now := v.now()
	if second := now.Unix(); second != v.second {
		v.second, v.inOne = second, 0
	}
	if len(v.groups) >= maxRemembered {
		clear(v.groups)
	}
	before := v.groups[key]
	news := before == nil || rates && !before.rates || now.Sub(before.at) > 2*summaryEvery
	if !v.all && !first && (!news || v.inOne >= maxPerSecond) {
		return false
	}
	v.inOne++
	v.groups[key] = &shown{rates: rates, at: now}
	return true
}

// summarize tells the groups that came and were not shown.
func (v *viewer) summarize() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.skipped) == 0 {
		return
	}
	var parts []string
	sum := 0
	for kind, n := range v.skipped {
		parts = append(parts, fmt.Sprintf("%s %d", term.Cell(kind), n))
		sum += n
	}
	slices.Sort(parts)
	clear(v.skipped)
	text := fmt.Sprintf("... and %d more: %s (--all shows them)", sum, strings.Join(parts, ", "))
	fmt.Fprintf(v.out, "%s\n\n", v.style.Paint(term.Dim, text))
}

// missing names what did not come of the expected types.
func (v *viewer) missing(expect []string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var missing []string
	for _, kind := range expect {
		switch a := v.types[kind]; {
		case a == nil:
			missing = append(missing, fmt.Sprintf("no group of type %q", kind))
		case a.rates == 0:
			missing = append(missing, fmt.Sprintf("no rate in a group of type %q", kind))
		}
	}
	return missing
}

// total says what came in all.
func (v *viewer) total() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var parts []string
	for kind, a := range v.types {
		parts = append(parts, fmt.Sprintf("%s %d (rates: %d)", term.Cell(kind), a.groups, a.rates))
	}
	slices.Sort(parts)
	text := fmt.Sprintf("Groups that arrived from Kafka: %d", v.count)
	if len(parts) > 0 {
		text += "; " + strings.Join(parts, ", ")
	}
	return text
}

func list(parts []string) string { return strings.Join(parts, ", and ") }
