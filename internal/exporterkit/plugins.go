package exporterkit

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// maxPlugins bounds the plugins that an exporter tells apart on boards.
const maxPlugins = 1024

// Plugins counts what became of the groups of each plugin, for boards. It is safe for concurrent use; nil counts nothing.
type Plugins struct {
	status *Status
	hide   func()

	mu    sync.Mutex
	known map[string]*Groups
	mixed map[string]int64 // dropped, of which it is not known of what plugins; by reason
}

// Groups counts those of one plugin. It is safe for concurrent use; nil counts nothing.
type Groups struct {
	plugin     string
	came, sent atomic.Int64

	mu      sync.Mutex
	dropped map[string]int64 // by reason
}

// ShowPlugins shows an exporter, which delivers as s says, on the boards of a host. It returns nil where there is none.
func ShowPlugins(host component.Host, id component.ID, s *Status) *Plugins {
	p := &Plugins{status: s, known: map[string]*Groups{}, mixed: map[string]int64{}}
	hide, shown := status.ShowStage(host, &status.Stage{ID: id, Name: status.LinkExporter, Link: p.link})
	if !shown {
		return nil
	}
	p.hide = hide
	return p
}

// Hide takes the exporter off the boards.
func (p *Plugins) Hide() {
	if p != nil {
		p.hide()
	}
}

// Of returns the counts of a plugin, by its normalized name.
func (p *Plugins) Of(plugin string) *Groups {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.known[plugin]
	if g == nil && len(p.known) < maxPlugins {
		g = &Groups{plugin: strings.Clone(plugin)}
		p.known[g.plugin] = g
	}
	return g
}

// Plugin is the normalized name; "" of nil.
func (g *Groups) Plugin() string {
	if g == nil {
		return ""
	}
	return g.plugin
}

// Came counts groups that the exporter has read.
func (g *Groups) Came(n int64) {
	if g != nil {
		g.came.Add(n)
	}
}

// Sent counts groups that the back end took.
func (g *Groups) Sent(n int64) {
	if g != nil {
		g.sent.Add(n)
	}
}

// Dropped counts a group that is lost.
func (g *Groups) Dropped(reason string) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dropped == nil {
		g.dropped = map[string]int64{}
	}
	g.dropped[reason]++
}

// DroppedSome counts groups that are lost, of some of the plugins.
func (p *Plugins) DroppedSome(reason string, n int) {
	if p == nil || n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mixed[reason] += int64(n)
}

// link says what became of the groups of a plugin.
func (p *Plugins) link(plugin string) status.Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.known[plugin]
	if g == nil {
		return status.Link{Holds: status.Unknown, Said: "no group of the plugin came"}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	lost, dropped := byReason(g.dropped)
	said := fmt.Sprintf("groups delivered: %d", g.sent.Load())
	if waiting := g.came.Load() - g.sent.Load() - lost; waiting > 0 {
		said += fmt.Sprintf(", on their way: %d", waiting)
	}
	l := status.Link{Holds: status.Yes}
	if lost > 0 {
		said += fmt.Sprintf(", dropped: %d (%s)", lost, dropped)
		l.Next = "the exporter's log says why, once for each reason; its README lists the reasons"
	}
	if n, some := byReason(p.mixed); n > 0 {
		said += fmt.Sprintf("; dropped of some plugins: %d (%s)", n, some)
		l.Next = "the exporter's log says why, once for each reason; its README lists the reasons"
	}
	if err := p.status.Failing(); err != nil {
		said, l.Next = err.Error()+"; "+said, "see whether the back end takes data, and the exporter's address and credentials"
		l.Holds = status.No
	} else if lost > 0 && g.sent.Load() == 0 {
		l.Holds = status.No
	}
	l.Said = said
	return l
}

func byReason(counts map[string]int64) (sum int64, text string) {
	var parts []string
	for reason, n := range counts {
		sum += n
		parts = append(parts, fmt.Sprintf("%s %d", reason, n))
	}
	slices.Sort(parts)
	return sum, strings.Join(parts, ", ")
}
