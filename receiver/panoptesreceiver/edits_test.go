package panoptesreceiver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	editRounds  = 15
	editsARound = 70
	editSettle  = 100 * time.Millisecond
	goPlugins   = 6
	// editResources are edited once for some edits of plugins.
	editResources  = 20
	editsAResource = 10
)

// editor changes plugins at random, and knows which versions may run.
type editor struct {
	b    *bench
	rand *rand.Rand

	mu      sync.Mutex
	numbers map[string]int          // last version by plugin
	whole   map[string]map[int]bool // versions that were written as a whole
	half    map[string]map[int]bool // those of which a half lay there for so long that it counted
	running map[string]bool         // tasks
	wrong   []string
	runs    int
}

// text is a plugin file whose first and last options tell its version.
func text(name, module string, number int) string {
	return strings.Replace(conf(name, module), "[main]\n", fmt.Sprintf("[main]\na = %d\n", number), 1) +
		"# " + strings.Repeat("x", 200) + fmt.Sprintf("\n[end]\nb = %d\n", number)
}

// pythonModule is a module whose first and last lines tell its version.
func pythonModule(number int) string {
	return fmt.Sprintf(`A = %d
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroup, PanoptesMetricsGroupSet, PanoptesMetric, PanoptesMetricType, PanoptesMetricDimension
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Plugin(PanoptesPollingPlugin):
    def run(self, context):
        group = PanoptesMetricsGroup(context.data, "test", 1)
        group.add_metric(PanoptesMetric("m", A, PanoptesMetricType.GAUGE))
        group.add_dimension(PanoptesMetricDimension("b", str(B)))
        group.add_dimension(PanoptesMetricDimension("c", context.config["main"]["a"]))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups


B = %d
`, number, number)
}

func (e *editor) next(plugin string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.numbers[plugin]++
	return e.numbers[plugin]
}

func (e *editor) note(set map[string]map[int]bool, plugin string, number int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if set[plugin] == nil {
		set[plugin] = map[int]bool{}
	}
	set[plugin][number] = true
}

// path of a plugin's file, as it is found: the last Go plugin lies behind a link.
func (e *editor) path(name, file string) string { return filepath.Join(e.b.dir, "plugins", name, file) }

// edit makes one change.
func (e *editor) edit(plugin string) {
	t := e.b.t
	module, isPython := "go:versions", strings.HasPrefix(plugin, "py")
	if isPython {
		module = "module.py"
	}
	kind := e.rand.IntN(6)
	if kind == 0 && e.numbers[plugin] > 0 { // broken, by rename
		e.replace(e.path(plugin, "p.panoptes-plugin"), "[Core\nbroken "+strconv.Itoa(e.rand.Int()), time.Time{})
		return
	}
	number := e.next(plugin)
	begin := time.Now()
	switch {
	case plugin == "linked": // a new release, and the link swapped
		release := filepath.Join(e.b.dir, "releases", strconv.Itoa(number))
		require.NoError(t, os.MkdirAll(release, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(release, "p.panoptes-plugin"), []byte(text(plugin, module, number)), 0o600))
		require.NoError(t, os.Symlink(release, filepath.Join(e.b.dir, "new-link")))
		e.note(e.whole, plugin, number)
		require.NoError(t, os.Rename(filepath.Join(e.b.dir, "new-link"), filepath.Join(e.b.dir, "plugins", plugin)))
	case isPython: // two files, one after the other, each by rename or in two halves
		e.halves(e.path(plugin, "module.py"), pythonModule(number), kind)
		e.note(e.whole, plugin, number)
		e.halves(e.path(plugin, "p.panoptes-plugin"), text(plugin, module, number), kind)
	case kind == 1: // with a time of long ago
		e.note(e.whole, plugin, number)
		e.replace(e.path(plugin, "p.panoptes-plugin"), text(plugin, module, number), time.Unix(1_000_000_000, 0))
	default:
		e.note(e.whole, plugin, number)
		e.halves(e.path(plugin, "p.panoptes-plugin"), text(plugin, module, number), kind)
	}
	if time.Since(begin) >= editSettle/2 { // this machine was busy: half of it may have settled
		e.note(e.half, plugin, number)
		e.note(e.half, plugin, number-1)
	}
}

// resources is a list of the same resources each time, in another order and at other endpoints.
func (e *editor) resources() string {
	endpoint := "127.0.0." + strconv.Itoa(1+e.rand.IntN(250))
	var many []string
	for _, i := range e.rand.Perm(editResources) {
		many = append(many, strings.Replace(resourceJSON(fmt.Sprint("r", i)), "127.0.0.1", endpoint, 1))
	}
	return "[" + strings.Join(many, ",\n") + "]"
}

// editResources makes one change to the file of resources.
func (e *editor) editResources() {
	path := filepath.Join(e.b.dir, "resources/one.json")
	switch kind := e.rand.IntN(6); kind {
	case 0: // broken, by rename
		e.replace(path, "[{broken "+strconv.Itoa(e.rand.Int()), time.Time{})
	case 1: // with a time of long ago
		e.replace(path, e.resources(), time.Unix(1_000_000_000, 0))
	default:
		e.halves(path, e.resources(), kind)
	}
}

func (e *editor) replace(path, text string, modified time.Time) {
	t := e.b.t
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	if !modified.IsZero() {
		require.NoError(t, os.Chtimes(path+".new", modified, modified))
	}
	require.NoError(t, os.Rename(path+".new", path))
}

// halves writes a file by rename, or in place in two halves with something else in between.
func (e *editor) halves(path, text string, kind int) {
	if kind < 4 {
		e.replace(path, text, time.Time{})
		return
	}
	t := e.b.t
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
	require.NoError(t, err)
	cut := e.rand.IntN(len(text))
	_, err = f.WriteString(text[:cut])
	require.NoError(t, err)
	for range e.rand.IntN(2000) {
		runtime.Gosched()
	}
	_, err = f.WriteString(text[cut:])
	require.NoError(t, errors.Join(err, f.Close()))
}

// versions is the Go plugin of all files. It returns the version that the first option tells, and the last one's.
func (e *editor) versions() pluginsdk.PollingPlugin {
	return pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		task := pc.Config.Get("core", "name") + pc.Config.Get("Core", "name") + " " + pc.Resource.ID
		e.mu.Lock()
		if e.runs++; e.running[task] {
			e.wrong = append(e.wrong, "two runs of "+task)
		}
		e.running[task] = true
		e.mu.Unlock()
		defer func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			delete(e.running, task)
		}()
		g, err := pc.NewMetricsGroup("test")
		if err != nil {
			return nil, err
		}
		a, err := strconv.ParseFloat(pc.Config.Get("main", "a"), 64)
		return pluginsdk.NewMetricsGroupSet(g), errors.Join(err, g.AddGauge("m", a), g.AddDimension("b", "b"+pc.Config.Get("end", "b")))
	})
}

// check looks at a data point: it must be of one version, and of one that was written.
func (e *editor) check(p point) (plugin string, version int) {
	plugin, version = strings.TrimPrefix(p.scope, "panoptes/"), int(p.value)
	e.mu.Lock()
	defer e.mu.Unlock()
	one := fmt.Sprint(p.dimensions["b"]) == "b"+strconv.Itoa(version)
	if strings.HasPrefix(plugin, "py") {
		one = p.dimensions["b"] == p.dimensions["c"] && p.dimensions["b"] == strconv.Itoa(version)
	}
	if !one && !e.half[plugin][version] || !e.whole[plugin][version] {
		e.wrong = append(e.wrong, fmt.Sprintf("%s ran version %d with %v", plugin, version, p.dimensions))
	}
	return plugin, version
}

// descriptors counts the process's open files.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // another system
	}
	return len(entries)
}

// A thousand edits under load: no slot is lost or used twice, no half of a version runs, and nothing is left behind.
// It is alone in the process, so that open files can be counted.
func TestAThousandEdits(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	open := descriptors()
	b := newBench(t)
	e := &editor{
		b: b, rand: rand.New(rand.NewPCG(uint64(seed), 1)), numbers: map[string]int{}, running: map[string]bool{},
		whole: map[string]map[int]bool{}, half: map[string]map[int]bool{},
	}
	b.cfg.Plugins.Settle = editSettle
	b.plugins["versions"] = e.versions()
	b.write("resources/one.json", e.resources())
	names := e.plant()
	b.start()
	seen := map[string]int{}
	drain := func(until func() bool) {
		deadline := time.After(patience)
		for !until() {
			select {
			case md := <-b.metrics:
				for _, p := range points(md) {
					plugin, version := e.check(p)
					seen[plugin] = version
				}
			case <-deadline:
				require.Fail(t, "what was written last does not run", "seen %v, written %v\n%s", seen, e.numbers, b.log())
			}
		}
	}
	drain(func() bool { return len(seen) == len(names) })
	begin, before := time.Now(), e.slots("go0")
	for range editRounds {
		for range editsARound {
			e.edit(names[e.rand.IntN(len(names))])
			if e.rand.IntN(editsAResource) == 0 {
				e.editResources()
			}
		}
		// The last edit of the round is a good one, and counts.
		last := names[e.rand.IntN(len(names))]
		for seen[last] != e.numbers[last] {
			e.edit(last)
			number := e.numbers[last]
			stop := time.Now().Add(5 * time.Second)
			drain(func() bool { return seen[last] == number || time.Now().After(stop) })
		}
	}
	for _, plugin := range []string{"go0", "py0", "linked"} {
		passed := time.Since(begin).Seconds()
		n := float64(e.slots(plugin) - before)
		if plugin == "go0" {
			// A task for each resource, a slot each second; runs under way at begin and end, first ones, and those of tasks
			// that get another name are out of phase.
			assert.InDelta(t, editResources*passed, n, 3*editResources, "slots of %s in %.1f s", plugin, passed)
		}
	}
	// Most bad lists are followed by a good one before they have settled.
	e.replace(filepath.Join(b.dir, "resources/one.json"), "[{broken", time.Time{})
	require.Eventually(t, func() bool { return b.sum("panoptes_reload_errors", "source=resources") > 0 }, patience, time.Millisecond)
	e.mu.Lock()
	assert.Empty(t, e.wrong)
	e.mu.Unlock()
	assert.Zero(t, b.sum("panoptes_runs", "outcome=raised"), "a module that was not whole ran")
	assert.Zero(t, b.sum("panoptes_resources_left"), "half a list of resources counted")
	require.NoError(t, b.receiver.Shutdown(context.Background()))
	assert.LessOrEqual(t, descriptors(), open+3, "files are left open")
	assert.Zero(t, children(), "processes are left behind")
}

// slots is how many slots the tasks of a plugin have used or missed.
func (e *editor) slots(plugin string) int64 {
	return e.b.sum("panoptes_runs", "plugin="+plugin) + e.b.sum("panoptes_missed_slots", "plugin="+plugin)
}

// plant writes the first version of all plugins.
func (e *editor) plant() (names []string) {
	t := e.b.t
	for i := range goPlugins {
		names = append(names, fmt.Sprint("go", i))
	}
	names = append(names, "py0", "py1")
	for _, name := range names {
		require.NoError(t, os.MkdirAll(e.path(name, ""), 0o700))
		number := e.next(name)
		e.note(e.whole, name, number)
		module := "go:versions"
		if strings.HasPrefix(name, "py") {
			module = "module.py"
			e.replace(e.path(name, "module.py"), pythonModule(number), time.Time{})
		}
		e.replace(e.path(name, "p.panoptes-plugin"), text(name, module, number), time.Time{})
	}
	e.edit("linked") // the first edit is a whole one
	return append(names, "linked")
}

// children counts the child processes of this one.
func children() int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	if err != nil {
		return 0
	}
	return len(strings.Fields(string(data)))
}
