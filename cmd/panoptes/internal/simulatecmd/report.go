package simulatecmd

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

const (
	// fullShare is from where on a pool has no room left for what is out of the ordinary.
	fullShare = 0.8
	// lateLimit is up to where runs that wait for a place are no reason to warn: those of a cold start come in bursts.
	lateLimit = 5 * time.Second
)

// report prints the simulation, and says whether there is something to warn of.
func (s *simulation) report(out io.Writer, style term.Style, devices int) (warned bool) {
	total := 0
	for _, n := range s.starts {
		total += n
	}
	fmt.Fprintf(out, "%s: %s, %s, %s, %s in %s\n", s.fleet.receiver, logs.Count(len(s.fleet.plugins), "plugin"),
		logs.Count(len(s.fleet.resources), "resource"), logs.Count(s.tasks, "task"), logs.Count(total, "start"), s.span)
	s.printStarts(out, total)
	s.printMembers(out)
	fmt.Fprintln(out)
	s.printPlugins(out, style)
	fmt.Fprintln(out)
	s.printDevices(out, style, devices)
	warnings := s.warnings()
	for _, w := range warnings {
		fmt.Fprintln(out, style.Paint(term.Yellow, "warning")+": "+term.Cell(w))
	}
	return len(warnings) > 0
}

func (s *simulation) printStarts(out io.Writer, total int) {
	if len(s.starts) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(s.starts))
	most := slices.Max(s.starts)
	fmt.Fprintf(out, "starts a second: mean %.1f, median %d, p99 %d, most %d (at %s)\n", float64(total)/float64(len(s.starts)),
		sorted[len(sorted)/2], sorted[len(sorted)*99/100], most, time.Duration(slices.Index(s.starts, most))*time.Second)
}

func (s *simulation) printMembers(out io.Writer) {
	for i, m := range s.members {
		if len(s.members) > 1 {
			fmt.Fprintf(out, "member %d: %s, %s, %s starts a second\n", i+1, logs.Count(m.resources, "resource"), logs.Count(m.tasks, "task"), perSecond(m.starts, s.span))
		}
		m.printPools(out)
	}
}

func (m *memberLoad) printPools(out io.Writer) {
	for _, p := range m.pools {
		share, late, at := p.use()
		fmt.Fprintf(out, "%s: %.0f %% of %d places", term.Cell(p.name), 100*share, p.places)
		if late > 0 {
			fmt.Fprintf(out, ", up to %s late (at %s)", late.Round(10*time.Millisecond), time.Duration(at)*time.Second)
		}
		fmt.Fprintln(out)
	}
}

func (s *simulation) printPlugins(out io.Writer, style term.Style) {
	plugins := slices.Clone(s.plugins)
	slices.SortStableFunc(plugins, func(a, b pluginLoad) int { return cmp.Compare(b.starts, a.starts) })
	var rows [][]string
	for _, p := range plugins {
		interval := p.shortest.String()
		if p.longest != p.shortest {
			interval += " to " + p.longest.String()
		}
		if p.tasks == 0 {
			interval = "-"
		}
		rows = append(rows, []string{
			p.name, strconv.Itoa(p.tasks), interval, perSecond(p.starts, s.span), p.takes.String(),
			fmt.Sprintf("%.1f", float64(p.starts)*p.takes.Seconds()/s.span.Seconds()),
		})
	}
	_ = style.Table(out, []string{"PLUGIN", "TASKS", "INTERVAL", "STARTS/S", "TAKES", "PLACES"}, rows)
}

func (s *simulation) printDevices(out io.Writer, style term.Style, n int) {
	devices := slices.Clone(s.devices)
	slices.SortStableFunc(devices, func(a, b deviceLoad) int {
		return cmp.Or(cmp.Compare(b.busy, a.busy), cmp.Compare(b.starts, a.starts))
	})
	var rows [][]string
	for _, d := range devices[:min(max(n, 0), len(devices))] {
		rows = append(rows, []string{
			d.resource.ID, d.resource.Site, strconv.Itoa(d.tasks), fmt.Sprintf("%.1f", float64(d.starts)/s.span.Minutes()), fmt.Sprintf("%.2f", d.busy),
		})
	}
	_ = style.Table(out, []string{"DEVICE", "SITE", "TASKS", "STARTS/MIN", "RUNS AT ONCE"}, rows)
}

func perSecond(starts int, span time.Duration) string {
	return fmt.Sprintf("%.2f", float64(starts)/span.Seconds())
}

// warnings tell of what would not go well, and what to do.
func (s *simulation) warnings() (out []string) {
	for i, m := range s.members {
		who := ""
		if len(s.members) > 1 {
			who = fmt.Sprintf("member %d: ", i+1)
		}
		for _, w := range m.warnings() {
			out = append(out, who+w)
		}
	}
	for _, p := range s.plugins {
		if p.tasks == 0 && len(s.fleet.resources) > 0 {
			out = append(out, fmt.Sprintf("plugin %q runs against nothing: no resource matches its filter, or it has no execute_frequency", p.name))
		}
		if p.shortest > 0 && p.takes > p.shortest {
			out = append(out, fmt.Sprintf("plugin %q takes %s, longer than its interval of %s: it will miss slots", p.name, p.takes, p.shortest))
		}
	}
	limit := s.fleet.cfg.Limits.PerResource
	busy := 0
	for _, d := range s.devices {
		if limit > 0 && d.busy > float64(limit) {
			busy++
		}
	}
	if busy > 0 {
		out = append(out, fmt.Sprintf("%d devices are to be asked by more than %d runs at once on average, which limits::per_resource does not allow: slots will be missed",
			busy, limit))
	}
	return out
}

// warnings tell of places that are too few.
func (m *memberLoad) warnings() (out []string) {
	for _, p := range m.pools {
		share, late, _ := p.use()
		switch {
		case share > 1:
			out = append(out, fmt.Sprintf("%s need %.0f places on average, there are %d: slots will be missed; %s, or run less often",
				p.name, share*float64(p.places), p.places, p.more))
		case share > fullShare:
			out = append(out, fmt.Sprintf("%s take %.0f %% of %d places on average, which leaves little room for devices that answer slowly; %s",
				p.name, 100*share, p.places, p.more))
		case late > lateLimit:
			out = append(out, fmt.Sprintf("%s come up to %s late; %s", p.name, late.Round(100*time.Millisecond), p.more))
		}
	}
	return out
}
