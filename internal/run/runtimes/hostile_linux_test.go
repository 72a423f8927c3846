package runtimes

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
)

// TestHostilePlugins runs every hostile plugin, several times and all at once, beside good ones. The good ones must not
// lose one run, each hostile one must end as what it is, and nothing must be left: no process, no file descriptor.
//
// It does not run in parallel, since it counts what the tests' process has.
func TestHostilePlugins(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	t.Setenv("FIXTURE_PIDS", pids)
	files := openFiles(t)
	r, err := New(Settings{Programs: program.Settings{
		Inherit: []string{"FIXTURE_PIDS"}, Hardening: child.Hardening{Limits: child.Limits{Memory: 512 << 20}},
	}, Host: Host{Logger: zap.NewNop()}})
	require.NoError(t, err)

	hostileOutcomes := map[string][]run.Outcome{
		"forks twice and lives on": {run.OutcomeCrashed, run.OutcomeTimeout}, // what holds the pipes is given a second
		"floods stdout":            {run.OutcomeProtocol},
		"floods stderr":            {run.OutcomeTimeout},
		"floods both":              {run.OutcomeProtocol},
		"half a line and hangs":    {run.OutcomeTimeout},
		"wrong id":                 {run.OutcomeTimeout},
		"answers twice":            {run.OutcomeOK},
		"answers 100 MB":           {run.OutcomeTooLarge, run.OutcomeTimeout},
		"closes stdin":             {run.OutcomeOK, run.OutcomeTimeout, run.OutcomeCrashed},
		"closes stdout":            {run.OutcomeCrashed},
		"ignores TERM":             {run.OutcomeTimeout},
		"exits in a run":           {run.OutcomeCrashed},
		"exits at once":            {run.OutcomeUnavailable},
		"invalid UTF-8":            {run.OutcomeProtocol},
		"eats memory":              {run.OutcomeCrashed, run.OutcomeTimeout},
		"asks without end":         {run.OutcomeTimeout},
		"logs without end":         {run.OutcomeTimeout},
		"text between":             {run.OutcomeProtocol},
	}
	for mode := range hostile {
		require.Contains(t, hostileOutcomes, mode)
	}
	var bad sync.WaitGroup
	for _, mode := range slices.Sorted(maps.Keys(hostileOutcomes)) {
		p := openFixture(t, mode, plugin.OpenOptions{Deadline: time.Second}, "")
		for i := range 3 {
			bad.Go(func() {
				for range 2 {
					result := runOnce(r, p, fmt.Sprint(i))
					// One whose process died under another run, or is not to be started again yet, has lost that too.
					want := append([]run.Outcome{run.OutcomeUnavailable, run.OutcomeBusy}, hostileOutcomes[mode]...)
					assert.Contains(t, want, result.Outcome, "%s: %v", mode, result.Err)
				}
			})
		}
	}
	stop := make(chan struct{})
	var good sync.WaitGroup
	runs := make([]int, 2)
	for i, p := range []*plugin.Plugin{openProcess(t, "good"), openExec(t, "exec-good")} {
		good.Go(func() {
			for {
				result := runOnce(r, p, "id")
				if !assert.Equal(t, run.OutcomeOK, result.Outcome, "%s: %v", p.Name(), result.Err) {
					return
				}
				runs[i]++
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	bad.Wait()
	close(stop)
	good.Wait()
	t.Logf("runs of the good plugins meanwhile: %v", runs)
	require.NoError(t, r.Close(context.Background()))

	killAll(t, pids) // these left their groups, and held up nothing
	assert.Eventually(t, func() bool { return len(children(t)) == 0 }, 20*time.Second, 10*time.Millisecond, "processes are left: %v", children(t))
	assert.Eventually(t, func() bool { return len(openFiles(t)) <= len(files) }, 20*time.Second, 10*time.Millisecond,
		"file descriptors are left: %v, before: %v", openFiles(t), files)
}

// children are the processes that are ours, living or not reaped.
func children(t *testing.T) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	var out []string
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		if _, rest, ok := strings.Cut(string(text), ") "); ok && strings.Fields(rest)[1] == fmt.Sprint(os.Getpid()) {
			out = append(out, string(text))
		}
	}
	return out
}

func openFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			out = append(out, to)
		}
	}
	return out
}
