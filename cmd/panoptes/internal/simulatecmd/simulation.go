package simulatecmd

import (
	"fmt"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// simulation is what would be started.
type simulation struct {
	fleet   *fleet
	span    time.Duration
	starts  []int // by the second
	tasks   int
	plugins []pluginLoad
	devices []deviceLoad
	members []*memberLoad
}

// memberLoad is what one of the Collectors that share the fleet gets.
type memberLoad struct {
	resources, tasks, starts int
	pools                    []*pool
}

// pluginLoad is what one plugin comes to.
type pluginLoad struct {
	name              string
	tasks, starts     int
	shortest, longest time.Duration // interval
	takes             time.Duration
}

// deviceLoad is what one resource gets.
type deviceLoad struct {
	resource *pluginsdk.Resource
	tasks    int
	starts   int
	busy     float64 // runs at once, on average
}

// pool is a bounded number of places that runs share.
type pool struct {
	name   string
	more   string        // what gives more places
	kinds  []plugin.Kind // whose runs take places of it; nil for all but those of SNMP plugins
	plugin string        // whose runs alone do; "" for any
	places int
	work   []float64 // seconds of runs that come in a second
}

// simulate works out all starts from a cold start at `from` on, of so many Collectors that share the fleet.
func simulate(f *fleet, takes durations, from time.Time, span time.Duration, members int) *simulation {
	seconds := int((span + time.Second - 1) / time.Second)
	s := &simulation{fleet: f, span: span, starts: make([]int, seconds), devices: make([]deviceLoad, len(f.resources))}
	for range members {
		s.members = append(s.members, &memberLoad{pools: []*pool{
			{name: "all runs", more: "raise max_concurrent_runs", places: f.cfg.MaxConcurrentRuns, work: make([]float64, seconds)},
			{name: "Python workers", more: "raise python::max_workers", places: f.cfg.Python.Workers(), work: make([]float64, seconds), kinds: []plugin.Kind{plugin.KindPython}},
			{name: "children of exec plugins", more: "raise processes::max_exec", places: f.cfg.Processes.MaxExec, work: make([]float64, seconds), kinds: []plugin.Kind{plugin.KindExec}},
			{name: "runs of SNMP plugins", more: "share the resources among more Collectors", places: panoptesreceiver.SNMPPlaces, work: make([]float64, seconds), kinds: []plugin.Kind{plugin.KindSNMP}},
		}})
	}
	for i, r := range f.resources {
		s.devices[i].resource = r
		s.owner(r.ID).resources++
	}
	index := filter.NewIndex(f.resources)
	for _, p := range f.plugins {
		load := pluginLoad{name: p.Base.Name(), takes: takes.of(p.Base.Name())}
		s.limit(p.Base, seconds)
		if p.Base.Filter == nil { // it discovers resources: one task, against none
			found, _ := p.Against(&pluginsdk.Resource{})
			for _, m := range s.discoverers(p.Base.Name()) {
				load.add(found.Interval, s.start(m, p, found, nil, load.takes, from))
			}
			s.plugins = append(s.plugins, load)
			continue
		}
		for _, i := range index.Select(p.Filters()...) {
			r := f.resources[i]
			found, runs := p.Against(r)
			if !runs {
				continue
			}
			n := s.start(s.owner(r.ID), p, found, r, load.takes, from)
			load.add(found.Interval, n)
			d := &s.devices[i]
			d.tasks, d.starts = d.tasks+1, d.starts+n
			d.busy += load.takes.Seconds() / found.Interval.Seconds()
		}
		s.plugins = append(s.plugins, load)
	}
	return s
}

// limit gives a plugin places of its own, of each member, where no more of its runs may go on at once. What concurrency a process
// plugin says of itself is not known before it runs.
func (s *simulation) limit(p *plugin.Plugin, seconds int) {
	places, more := s.fleet.cfg.Limits.PerPlugin, "raise limits::per_plugin"
	if n := s.fleet.cfg.Processes.PerPlugin; p.Kind == plugin.KindProcess && (places == 0 || n < places) {
		places, more = n, "raise processes::per_plugin (a concurrency that the plugin says itself counts instead of it)"
	}
	if places == 0 {
		return
	}
	for _, m := range s.members {
		m.pools = append(m.pools, &pool{
			name: fmt.Sprintf("runs of plugin %q", p.Name()), more: more, places: places, work: make([]float64, seconds), plugin: p.Name(),
		})
	}
}

// takes says whether a plugin's runs take places of the pool.
func (p *pool) takes(of *plugin.Plugin) bool {
	switch {
	case p.plugin != "":
		return p.plugin == of.Name()
	case p.kinds == nil:
		return of.Kind != plugin.KindSNMP
	}
	return slices.Contains(p.kinds, of.Kind)
}

// owner is who owns the shard of a name. The members of a group own as many shards each.
func (s *simulation) owner(name string) *memberLoad {
	return s.members[shard.Of(name, shard.DefaultCount)%len(s.members)]
}

// discoverers are those at which a discovery plugin runs: all, unless they publish what they find.
func (s *simulation) discoverers(plugin string) []*memberLoad {
	if k := s.fleet.cfg.Resources.Kafka; k != nil && k.Publish {
		return []*memberLoad{s.owner(plugin)}
	}
	return s.members
}

// start counts the starts of one task of a member, and returns how many there are.
func (s *simulation) start(m *memberLoad, p *override.Plugin, found *plugin.Plugin, r *pluginsdk.Resource, takes time.Duration, from time.Time) (n int) {
	s.tasks++
	m.tasks++
	if found.Interval <= 0 {
		return 0
	}
	for at := range schedule.Starts(schedule.Hash([]byte(p.TaskName(r))), found.Interval, from, from.Add(s.span)) {
		second := int(at.Sub(from) / time.Second)
		s.starts[second]++
		for _, p := range m.pools {
			if p.takes(found) {
				p.work[second] += takes.Seconds()
			}
		}
		n++
	}
	m.starts += n
	return n
}

func (l *pluginLoad) add(interval time.Duration, starts int) {
	l.tasks++
	l.starts += starts
	l.longest = max(l.longest, interval)
	if l.shortest == 0 || interval < l.shortest {
		l.shortest = interval
	}
}

// use is how much of a pool is taken on average, as a share, and how late runs come at most while they wait for a place.
func (p *pool) use() (share float64, late time.Duration, at int) {
	total, backlog, worst := 0.0, 0.0, 0.0
	for second, work := range p.work {
		total += work
		backlog = max(backlog+work-float64(p.places), 0)
		if backlog > worst {
			worst, at = backlog, second
		}
	}
	if len(p.work) == 0 {
		return 0, 0, 0
	}
	places := float64(p.places)
	return total / float64(len(p.work)) / places, time.Duration(worst / places * float64(time.Second)), at
}
