package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.uber.org/zap"
)

// Times of a Source.
const (
	// gather is how long the first targets wait for others, and settle how long later ones do, which is the pace of Prometheus' own
	// manager. A target that is gone counts as there for as long again: one that is back by then was never away.
	gather = 300 * time.Millisecond
	settle = 5 * time.Second
	// look is the time between two looks whether failures are long past.
	look = 15 * time.Second
	// lookFiles is that time where files are read, which Prometheus' code does whenever one changes.
	lookFiles = time.Second
	// forget is how long a discoverer that only tells of changes must not fail to count as well again.
	forget = 5 * time.Minute
	// leave is how long a discoverer may take to end.
	leave = 2 * time.Second
)

// Source is one entry of a *_sd_configs.
type Source struct {
	// Name is the job's and the entry's, such as "network: dns_sd_configs::0".
	Name string

	job        *Job
	logger     *zap.Logger
	hooks      Hooks
	discoverer discovery.Discoverer
	registry   *prometheus.Registry
	entry      entry

	// The goroutine of Run has these.
	groups   map[string]*targetgroup.Group
	replaced []*targetgroup.Group // what stood in groups since the last State

	mu      sync.Mutex
	counts  float64 // of failures, in the registry
	state   *State
	changed chan struct{} // is closed when state is replaced
	pending bool          // an attempt had errors, and its update is yet to come
	away    bool          //nolint:unused // the API server of kubernetes, which may be left out, cannot be reached
	lastErr time.Time
	lastBad int // how many scans of files had ended when one failed last
}

// Hooks are called from any goroutine, and must return at once.
type Hooks struct {
	// Failed is called for each error that a source tells of.
	Failed func()
	// Changed is called each time that a source has another State.
	Changed func()
}

// Sources makes the sources of a job, after a look at the files that they open: a pipe would hold them up.
func (j *Job) Sources(ctx context.Context, logger *zap.Logger, hooks Hooks) ([]*Source, error) {
	var all []*Source
	for _, e := range j.entries {
		for _, p := range e.paths {
			found, _ := filepath.Glob(p.path) // a pattern of file_sd that is bad is refused before
			for _, name := range found {
				err := safefile.Look(ctx, name)
				switch {
				case err == nil:
				case strings.HasPrefix(e.key, "file_sd"):
					logger.Error("Service discovery will wait for what is no file", zap.String("job", j.Name), zap.String("sd", e.key), zap.Error(err),
						zap.String("next", "remove it, and start the Collector again"))
				default:
					return nil, fmt.Errorf("%s: %s: %w", e.key, p.key, err)
				}
			}
		}
		s := &Source{
			Name: j.Name + ": " + e.key, job: j, hooks: hooks, registry: prometheus.NewRegistry(), entry: e,
			groups: map[string]*targetgroup.Group{}, state: &State{}, changed: make(chan struct{}),
		}
		s.logger = logger.With(zap.String("job", j.Name), zap.String("sd", e.key))
		refresh := discovery.NewRefreshMetrics(s.registry)
		metrics := e.config.NewDiscovererMetrics(s.registry, refresh)
		err := errors.Join(refresh.Register(), metrics.Register())
		if err == nil {
			s.discoverer, err = e.config.NewDiscoverer(discovery.DiscovererOptions{
				Logger: slog.New(&handler{source: s}), Metrics: metrics, SetName: j.Name, HTTPClientOptions: e.keepHome(),
			})
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s", e.key, j.secrets.Clean(err.Error()))
		}
		all = append(all, s)
	}
	return all, nil
}

// keepHome has a client follow redirects to its server's host alone, where nobody says that it follows others.
func (e *entry) keepHome() []config.HTTPClientOption {
	if !e.atHome {
		return nil
	}
	var first sync.Once // what it connects to first is its server
	var home string
	return []config.HTTPClientOption{config.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		if first.Do(func() { home = address }); address != home {
			return nil, fmt.Errorf("the server redirects to another host, %s: set follow_redirects: true to allow that", address)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	})}
}

// State is what the source knows now. Any goroutine may ask.
func (s *Source) State() *State {
	state, _ := s.Watch()
	return state
}

// Watch returns what the source knows now, and a channel that is closed when that changes. Any goroutine may ask.
func (s *Source) Watch() (*State, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.changed
}

// replace takes a new state. The lock is held.
func (s *Source) replace(state *State) {
	s.state = state
	close(s.changed)
	s.changed = make(chan struct{})
	s.hooks.Changed()
}

// follow is called for each source when it begins and when it ends. Where a client reports errors for the whole program, it is replaced.
var follow = func(*Source, bool) {}

// Run discovers until ctx ends.
func (s *Source) Run(ctx context.Context) {
	follow(s, true)
	defer follow(s, false)
	updates := make(chan []*targetgroup.Group)
	var running sync.WaitGroup
	running.Go(func() { s.discoverer.Run(ctx, updates) })
	pace := look
	if s.entry.files {
		pace = lookFiles
	}
	looks := time.NewTicker(pace)
	defer looks.Stop()
	var publish <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			drain(updates, &running)
			return
		case groups, ok := <-updates:
			if !ok { // static_configs end so
				updates = nil
				continue
			}
			s.take(groups)
			if publish == nil {
				wait := settle
				if !s.State().Listed {
					wait = gather
				}
				publish = time.After(wait)
			}
		case <-publish:
			publish = nil
			if s.publish() {
				publish = time.After(settle)
			}
		case <-looks.C:
			s.look()
		}
	}
}

// drain waits until the discoverer has ended, but no longer than leave: consul's sleeps for 15 seconds after an error, and does
// nothing more then. What it may have left to say is taken until it ends.
func drain(updates <-chan []*targetgroup.Group, running *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()
	go func() {
		for {
			select {
			case _, ok := <-updates:
				if !ok {
					updates = nil
				}
			case <-ended:
				return
			}
		}
	}()
	select {
	case <-ended:
	case <-time.After(leave):
	}
}

// take joins an update with what is known: a group without targets is gone.
func (s *Source) take(groups []*targetgroup.Group) {
	for _, g := range groups {
		switch {
		case g == nil:
			continue
		case s.groups[g.Source] != nil:
			s.replaced = append(s.replaced, s.groups[g.Source])
		}
		s.groups[g.Source] = g
		if len(g.Targets) == 0 {
			delete(s.groups, g.Source)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pending && !s.entry.files { // one file's list says nothing of the others
		s.recovered()
	}
	s.pending = false
}

// publish makes a new State, and says whether it has targets that are gone.
func (s *Source) publish() bool {
	gone := s.gone()
	state := s.relabelled(gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	if state.Excess > 0 && s.state.Excess == 0 {
		s.logger.Error("Service discovery gives more targets than are taken", zap.Int("most", maxTargets), zap.Int("left_out", state.Excess),
			zap.String("next", "narrow what it asks for, or share it among several entries"))
	}
	if !s.state.Listed || len(state.Targets) != len(s.state.Targets) || state.Drops != s.state.Drops {
		s.logger.Info("Service discovery gives targets", zap.Int("targets", len(state.Targets)), zap.Int("dropped", state.Drops))
	}
	state.Err = s.state.Err
	s.replace(state)
	return len(gone) > 0
}

// fail notes that the discoverer says it fails, and whether an update is yet to come of this attempt. Any goroutine may call it.
func (s *Source) fail(text string, toCome bool) {
	s.hooks.Failed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = toCome
	s.lastErr = time.Now()
	if s.entry.files {
		s.lastBad = s.scans()
	}
	if s.state.Err != nil && s.state.Err.Error() == text {
		return
	}
	state := *s.state
	known := state.Err != nil
	state.Err = errors.New(text)
	s.replace(&state)
	if known { // people see the new cause; that it fails was logged
		return
	}
	s.logger.Error("Service discovery fails", zap.Error(state.Err), zap.Int("targets", len(state.Targets)),
		zap.String("next", "look at the server and at the configuration; what was found last stays"))
}

// recovered notes that it is well again. The lock is held.
func (s *Source) recovered() {
	if s.state.Err == nil {
		return
	}
	state := *s.state
	state.Err = nil
	s.replace(&state)
	s.logger.Info("Service discovery works again")
}

// look forgets failures that are past. Files are well once a scan has ended without any: the first after the one that failed.
func (s *Source) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entry.files {
		if s.state.Err != nil && s.scans() > s.lastBad+1 {
			s.recovered()
		}
		return
	}
	s.counts = s.failures() // those that the client does not tell are none
	if time.Since(s.lastErr) > max(forget, 2*s.entry.interval) {
		s.recovered()
		s.pending = false
	}
}

// failures is how often kubernetes' discoverer has failed, which does not log that.
func (s *Source) failures() (n float64) {
	for _, m := range s.metric("_kubernetes_failures_total") {
		n += m.GetCounter().GetValue()
	}
	return n
}

// scans is how many scans of files have ended.
func (s *Source) scans() (n int) {
	for _, m := range s.metric("_file_scan_duration_seconds") {
		n += int(m.GetSummary().GetSampleCount())
	}
	return n
}

// metric returns what the client counts under the name that ends so.
func (s *Source) metric(suffix string) []*dto.Metric {
	families, _ := s.registry.Gather()
	for _, f := range families {
		if strings.HasSuffix(f.GetName(), suffix) {
			return f.GetMetric()
		}
	}
	return nil
}
