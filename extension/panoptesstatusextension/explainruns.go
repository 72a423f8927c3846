package panoptesstatusextension

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// chosen follows the resources to the plugin, and returns whether any is left.
func (x *explainer) chosen(p *status.Plugin) bool {
	entries := x.receiver.Resources()
	if !x.admitted(len(entries)) {
		return false
	}
	if x.resource != "" {
		if entries = slices.DeleteFunc(slices.Clone(entries), func(e store.Entry) bool { return e.Resource.ID != x.resource }); len(entries) == 0 {
			x.no("resource", "panoptes explain --config names the clause that leaves it out; panoptes status --resources shows those that are let in",
				"none that is let in has the id %q", x.resource)
			return false
		}
	}
	parsed, err := filter.Parse(p.Filter)
	if err != nil {
		x.unknown("plugin's filter", "none of its own")
		return true
	}
	var tally filter.Tally
	for _, e := range entries {
		tally.Match(parsed, e.Resource)
	}
	switch {
	case tally.Matching > 0:
		x.yes("plugin's filter", "%s", tally.String())
	case p.Tasks > 0 && x.resource == "":
		x.yes("plugin's filter", "%s; the receiver's overrides choose others", tally.String())
	default:
		x.no("plugin's filter", "change resource_filter under [main] of "+p.File+", or the resources", "%s", tally.String())
		return false
	}
	return true
}

// admitted says how many resources the receiver's filter lets in.
func (x *explainer) admitted(n int) bool {
	filtered, example, broken := 0, "", ""
	for _, s := range x.receiver.Sources() {
		filtered += s.Filtered.Count
		if example == "" {
			example = s.Example
		}
		if s.Error != "" && broken == "" {
			broken = "; the source " + s.Kind.String() + " " + s.Name + " is broken: " + logs.FirstLine(s.Error)
		}
	}
	if n+filtered == 0 {
		x.no("resources", "see what the receiver has under resources; panoptes validate checks the files", "there is none%s", broken)
		return false
	}
	x.yes("resources", "%d%s", n+filtered, broken)
	if filtered == 0 {
		x.yes("receiver's filter", "lets all in")
		return true
	}
	said := fmt.Sprintf("%d of %d are let in; left out is such as %s", n, n+filtered, example)
	if n == 0 {
		x.no("receiver's filter", "change resources::filter or resources::sample of the receiver, or the resources", "%s", said)
		return false
	}
	x.yes("receiver's filter", "%s", said)
	return true
}

// lastRuns sums up the last runs of a plugin's tasks.
type lastRuns struct {
	tasks, ran, failing int
	groups, points      int
	bytes               int64
	last, next          time.Time
	failure             status.Task // the one that failed most often in a row
}

func (l *lastRuns) add(t *status.Task) {
	l.tasks++
	if l.next.IsZero() || !t.Next.IsZero() && t.Next.Before(l.next) {
		l.next = t.Next
	}
	if t.LastStart.IsZero() {
		return
	}
	l.ran++
	if t.LastStart.After(l.last) {
		l.last = t.LastStart
	}
	l.groups, l.points, l.bytes = l.groups+t.Groups, l.points+t.Points, l.bytes+t.Bytes
	if t.State == status.Failing || t.State == status.BackingOff {
		if l.failing++; l.failing == 1 || t.Failures > l.failure.Failures {
			l.failure = *t
		}
	}
}

// failed says what the worst failure was.
func (l *lastRuns) failed() string {
	t := &l.failure
	verb := "fail"
	if l.failing == 1 {
		verb = "fails"
	}
	said := fmt.Sprintf("%d of %d %s, such as %s: %s, %d in a row", l.failing, l.ran, verb, named(t.Resource), t.Outcome, t.Failures)
	if t.Error != "" {
		said += ": " + cause(t.Error, t.Plugin, t.Resource.ID)
	}
	return said
}

// step says what to do about the worst failure. Where places are short, a run that timed out may have given up its own.
func (x *explainer) step(p *status.Plugin, l *lastRuns, waits string) string {
	next := "see the task's page for the whole error and its log lines"
	if p.Runtime != compiled {
		next = x.byHand(x.receiver, p, l.failure.Resource)
	}
	switch {
	case l.failure.Outcome != "timeout":
		return next
	case strings.Contains(l.failure.Error, schedule.ErrGaveWay.Error()):
		return next + "; and " + cmp.Or(waits, "look at the places for runs (status page, panoptes top): they were short, and it gave way to others")
	case waits != "":
		return next + "; and " + waits
	}
	return next
}

// waitsLong is how long a task must be due for a lack of places to be told: they may be short for a moment.
const waitsLong = time.Second

// places adds that what is due waits for a place of the plugin or of its class, where tasks of it are due since due, and returns what to do
// where places are short, or "".
func (x *explainer) places(p *status.Plugin, due time.Time) (next string) {
	for _, c := range x.receiver.Places() {
		if c.Class != p.Runtime || !c.Short || c.Plugin != "" && c.Plugin != p.Name {
			continue
		}
		next = c.Next()
		if x.now.Sub(due) >= waitsLong {
			x.no("places", next, "what is due waits, as places for runs of %s are short: %d of %d used, %d wanted", c.Of(), c.Used, c.Places, c.Wanted)
		}
	}
	return next
}

// ran says what the tasks are, and what their last runs came to.
func (x *explainer) ran(p *status.Plugin) {
	var l lastRuns
	x.receiver.Tasks(func(t *status.Task) bool {
		if t.Plugin == p.Name && (x.resource == "" || t.Resource.ID == x.resource || p.Type == discovery) {
			l.add(t)
		}
		return true
	})
	if l.tasks == 0 {
		x.no("tasks", "panoptes explain --config names the overrides; panoptes shards says which Collector has a resource, where several share them",
			"none here: overrides leave them out, or another Collector has them")
		return
	}
	x.yes("tasks", "%d, the next is due %s", l.tasks, ago(x.now, l.next))
	waits := x.places(p, l.next)
	switch {
	case l.ran == 0:
		x.unknown("last run", "none has ended yet")
		return
	case l.failing == l.ran:
		x.no("last run", x.step(p, &l, waits), "%s", l.failed())
		return
	case l.failing > 0:
		x.yes("last run", "began %s; %s", ago(x.now, l.last), l.failed())
		x.Links[len(x.Links)-1].Next = x.step(p, &l, waits)
	default:
		x.yes("last run", "began %s; none of %d fails", ago(x.now, l.last), l.ran)
	}
	x.made(p, &l)
}

// made says what the last runs made, and where the rest of the way is to be seen.
func (x *explainer) made(p *status.Plugin, l *lastRuns) {
	if p.Type == discovery {
		found := 0
		for _, s := range x.receiver.Sources() {
			if s.Kind == store.KindDiscovery && s.Name == p.Name {
				found += s.Resources
			}
		}
		x.yes("discovered", "%s that pass the receiver's filter", logs.Count(found, "resource"))
		return
	}
	switch {
	case l.groups == 0 && p.Runtime == compiled:
		x.no("groups", "see why the plugin's code returns none", "the runs that went well returned none")
		return
	case l.groups == 0:
		x.no("groups", x.byHand(x.receiver, p, &pluginsdk.Resource{ID: x.resource})+" shows what it returns", "the runs that went well returned none")
		return
	case l.points == 0 && p.Type != "enrichment":
		x.no("groups", "see otelcol_panoptes_dropped_data_points and otelcol_panoptes_empty_groups of the Collector",
			"%s, of which no data point came", logs.Count(l.groups, "group"))
		return
	}
	x.yes("groups", "%s with %s, %s", logs.Count(l.groups, "group"), logs.Count(l.points, "data point"), byteCount(l.bytes))
	x.passed(status.LinkTransforms, p.Name, "no processor panoptes_rate is here: what passes has no rates")
	x.passed(status.LinkExporter, p.Name, "no exporter here tells of plugins: see otelcol_exporter_send_failed_metric_points of the Collector")
}

// passed adds what the components of a kind behind the receiver know.
func (x *explainer) passed(link, plugin, none string) {
	links := x.behind(link, plugin)
	if len(links) == 0 && link == status.LinkExporter {
		links = x.behind(status.LinkPipeline, plugin)
	}
	if len(links) == 0 {
		x.unknown(link, none)
	}
	x.Links = append(x.Links, links...)
}
