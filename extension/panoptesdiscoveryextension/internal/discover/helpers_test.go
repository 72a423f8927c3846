package discover

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"

	_ "github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/providers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"),
		// It sleeps after an error; drain does not wait for it.
		goleak.IgnoreAnyFunction("github.com/prometheus/prometheus/discovery/consul.(*Discovery).Run"),
		goleak.IgnoreAnyFunction("github.com/prometheus/prometheus/discovery/consul.(*consulService).watch"),
		goleak.IgnoreAnyFunction("github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/discover.drain.func1"),
		goleak.IgnoreAnyFunction("github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/discover.drain.func2"),
	)
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// parse reads a block of scrape_configs as the Collector hands it over.
func parse(t *testing.T, text string) (*Job, error) {
	t.Helper()
	var block map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &block))
	return Parse("test", block)
}

// station runs the only source of a job.
type station struct {
	t      *testing.T
	source *Source
	failed atomic.Int32
	logs   *observer.ObservedLogs
}

func start(t *testing.T, text string) *station {
	t.Helper()
	job, err := parse(t, text)
	require.NoError(t, err)
	core, logs := observer.New(zap.DebugLevel)
	s := &station{t: t, logs: logs}
	sources, err := job.Sources(t.Context(), zap.New(core), Hooks{Failed: func() { s.failed.Add(1) }, Changed: func() {}})
	require.NoError(t, err)
	require.Len(t, sources, 1)
	s.source = sources[0]
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.source.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

// until waits for a state.
func (s *station) until(what string, holds func(*State) bool) *State {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		state, changed := s.source.Watch()
		if holds(state) {
			return state
		}
		select {
		case <-changed:
		case <-deadline:
			var lines []string
			for _, e := range s.logs.All() {
				lines = append(lines, e.Message+" "+fmt.Sprint(e.ContextMap()))
			}
			require.Fail(s.t, "never: "+what, "it is %+v\n%s", state, strings.Join(lines, "\n"))
		}
	}
}

// targets waits for targets, by their labels that are named; the others are left out.
func (s *station) targets(names string, want ...string) {
	s.t.Helper()
	var got []string
	s.until("targets "+strings.Join(want, "; "), func(state *State) bool {
		got = nil
		for _, labels := range state.Targets {
			var shown []string
			for name := range strings.FieldsSeq(names) {
				shown = append(shown, labels[name])
			}
			got = append(got, strings.Join(shown, " "))
		}
		return state.Listed && slices.Equal(got, want)
	})
}

// secret fails the test where a log line has the text.
func (s *station) secret(text string) {
	s.t.Helper()
	for _, e := range s.logs.All() {
		require.NotContains(s.t, e.Message+fmt.Sprint(slices.Collect(maps.Values(e.ContextMap()))), text)
	}
}
