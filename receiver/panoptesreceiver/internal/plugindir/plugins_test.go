package plugindir

import (
	"context"
	"errors"
	"fmt"
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
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// patience is how long a test waits for what must come. It says nothing about how fast it comes.
const patience = 20 * time.Second

// deck is a Plugins that runs, and what it tells.
type deck struct {
	t       *testing.T
	dir     string
	copies  string
	scan    time.Duration
	changed chan []*plugin.Plugin
	health  chan error
	lines   chan string // of the log
	logs    *observer.ObservedLogs
	stop    func()
	plugins *Plugins

	mu     sync.Mutex
	checks map[string]func(ctx context.Context, text string) error // by plugin; text is the module's
	failed int
}

func startDeck(t *testing.T, settle time.Duration, prepare func(*deck), dirs ...string) *deck {
	t.Helper()
	d := &deck{
		t: t, changed: make(chan []*plugin.Plugin, 100), health: make(chan error, 100), lines: make(chan string, 1000),
		checks: map[string]func(context.Context, string) error{}, dir: t.TempDir(), copies: t.TempDir(), scan: 50 * time.Millisecond,
	}
	prepare(d)
	core, logs := observer.New(zap.InfoLevel)
	d.logs = logs
	logger := zap.New(core, zap.Hooks(func(e zapcore.Entry) error { d.lines <- e.Message; return nil }))
	p := NewPlugins(PluginSettings{
		Directories: append([]string{d.dir}, dirs...), Settle: settle, ScanInterval: d.scan, SnapshotDir: d.copies,
		Open:  func(string) plugin.OpenOptions { return plugin.OpenOptions{} },
		Check: d.check, MaxChecks: 4, Logger: logger,
		Changed: func(plugins []*plugin.Plugin) { d.changed <- plugins },
		Failed:  func() { d.mu.Lock(); d.failed++; d.mu.Unlock() },
		Health:  func(err error) { d.health <- err },
	})
	d.plugins = p
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	d.stop = func() { cancel(); <-done }
	t.Cleanup(d.stop)
	return d
}

// check stands for the runtimes: a module with the word "broken" does not load.
func (d *deck) check(ctx context.Context, p *plugin.Plugin) (*plugin.Plugin, error) {
	text, err := os.ReadFile(p.Module)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	check := d.checks[p.Name()]
	d.mu.Unlock()
	if check != nil {
		return p, check(ctx, string(text))
	}
	if strings.Contains(string(text), "broken") {
		return nil, &run.PluginError{Type: "SyntaxError", Message: string(text), Traceback: "here"}
	}
	return p.As(plugin.TypePolling)
}

func (d *deck) failures() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// plugin writes a plugin named name, with its module beside it.
func (d *deck) plugin(name, module string) string {
	path := filepath.Join(d.dir, name+pluginfile.Extension)
	filetest.Write(d.t, filepath.Join(d.dir, name+".py"), module)
	filetest.Write(d.t, path, conf(name, name))
	return path
}

func conf(name, module string) string {
	return fmt.Sprintf("[Core]\nName = %s\nModule = %s\n[Documentation]\nVersion = 1.0\n"+
		"[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"x\"\n", name, module)
}

// until waits for plugins that are as wanted.
func (d *deck) until(what string, wanted func(map[string]*plugin.Plugin) bool) map[string]*plugin.Plugin {
	d.t.Helper()
	deadline := time.After(patience)
	var last []string
	for {
		select {
		case plugins := <-d.changed:
			named := map[string]*plugin.Plugin{}
			last = nil
			for _, p := range plugins {
				named[p.Name()] = p
				last = append(last, p.Name())
			}
			if wanted(named) {
				return named
			}
		case <-deadline:
			require.Fail(d.t, "no "+what, "last plugins: %q\n%s", last, d.log())
		}
	}
}

func (d *deck) names(want ...string) map[string]*plugin.Plugin {
	d.t.Helper()
	return d.until("plugins "+strings.Join(want, ", "), func(m map[string]*plugin.Plugin) bool {
		for _, name := range want {
			if m[name] == nil {
				return false
			}
		}
		return len(m) == len(want)
	})
}

// line waits for a line of the log, and returns its fields.
func (d *deck) line(message string) map[string]any {
	d.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case got := <-d.lines:
			if strings.Contains(got, message) {
				found := d.logs.FilterMessageSnippet(message).All()
				return found[len(found)-1].ContextMap()
			}
		case <-deadline:
			require.Fail(d.t, "no line "+message, d.log())
		}
	}
}

func (d *deck) log() string {
	var b strings.Builder
	for _, e := range d.logs.All() {
		fmt.Fprintln(&b, e.Level, e.Message, e.ContextMap())
	}
	return b.String()
}

func (d *deck) count(message string) int { return d.logs.FilterMessageSnippet(message).Len() }

func TestPluginsLive(t *testing.T) {
	t.Parallel()
	d := startDeck(t, 20*time.Millisecond, func(d *deck) {
		d.scan = time.Hour // the system tells of every change
		d.plugin("one", "# first")
	})
	first := d.names("one")["one"]
	d.plugin("two", "# other")
	two := d.names("one", "two")
	assert.Same(t, first, two["one"], "what did not change is the same")

	// The module alone changes; what was taken before can still be run as it was.
	filetest.Write(t, filepath.Join(d.dir, "one.py"), "# second")
	changed := d.until("new version", func(m map[string]*plugin.Plugin) bool { return m["one"] != nil && m["one"].Version != first.Version })
	assert.Same(t, two["two"], changed["two"])

	// The plugin file alone changes.
	filetest.Write(t, filepath.Join(d.dir, "two"+pluginfile.Extension), strings.Replace(conf("two", "two"), "= 60", "= 30", 1))
	d.until("new interval", func(m map[string]*plugin.Plugin) bool {
		return m["two"] != nil && m["two"].Interval == 30*time.Second
	})

	require.NoError(t, os.Remove(filepath.Join(d.dir, "two"+pluginfile.Extension)))
	d.names("one")
	assert.Equal(t, "two", d.line("Removed plugin")["plugin"])
	assert.Zero(t, d.failures())
}

// A plugin that loads and one that does not are both told of, once.
func TestPluginsTypos(t *testing.T) {
	t.Parallel()
	d := startDeck(t, 0, func(d *deck) {
		fine := d.plugin("fine", "# good")
		filetest.Write(t, fine, conf("fine", "fine")+"[transform]\n")
		broken := d.plugin("broken", "# good")
		filetest.Write(t, broken, strings.Replace(conf("broken", "go:absent"), "resource_filter", "resource_fitler", 1))
	})
	d.names("fine")
	d.plugin("later", "# good")
	d.names("fine", "later") // all were scanned again
	assert.Equal(t, 1, d.count("did you mean [transforms]?"), d.log())
	assert.Equal(t, 1, d.count("did you mean resource_filter?"), d.log())
}

// States tell the names of files that do not load, too, and what is wrong with each file.
func TestPluginsStates(t *testing.T) {
	t.Parallel()
	d := startDeck(t, 0, func(d *deck) {
		filetest.Write(t, d.plugin("fine", "# good"), conf("fine", "fine")+"[transform]\n")
		filetest.Write(t, filepath.Join(d.dir, "nameless"+pluginfile.Extension), "[Core]\n")
		filetest.Write(t, filepath.Join(d.dir, "nowhere"+pluginfile.Extension), conf("nowhere", "nowhere"))
	})
	d.names("fine")
	d.stop()
	states := d.plugins.States()
	require.Len(t, states, 3)
	assert.Equal(t, []string{"fine", "", "nowhere"}, []string{states[0].Name, states[1].Name, states[2].Name})
	require.Len(t, states[0].Warnings, 1)
	assert.Contains(t, states[0].Warnings[0], "did you mean [transforms]?")
	require.Error(t, states[1].Err)
	require.Error(t, states[2].Err)
}

func TestPluginsBrokenChangeKeepsTheLastGoodVersion(t *testing.T) {
	t.Parallel()
	d := startDeck(t, 0, func(d *deck) { d.plugin("one", "# good") })
	good := d.names("one")["one"]
	filetest.Write(t, filepath.Join(d.dir, "one.py"), "broken (")
	fields := d.line("Cannot load plugin")
	assert.Equal(t, "SyntaxError: broken (", fields["error"])
	assert.Equal(t, "here", fields["traceback"])
	assert.Contains(t, fields["next"], "the last good version, "+good.Version+", goes on")
	assert.Equal(t, filepath.Join(d.dir, "one"+pluginfile.Extension), fields["path"])

	// Many scans later it was logged once; another error is another line.
	filetest.Write(t, filepath.Join(d.dir, "one"+pluginfile.Extension), "no section")
	assert.Contains(t, d.line("Cannot load plugin")["error"], "section")
	assert.Equal(t, 2, d.count("Cannot load plugin"))
	assert.Equal(t, 2, d.failures())
	assert.Empty(t, d.changed, "the last good version stays, and nobody has to be told")

	filetest.Write(t, filepath.Join(d.dir, "one.py"), "# fixed")
	filetest.Write(t, filepath.Join(d.dir, "one"+pluginfile.Extension), conf("one", "one"))
	fixed := d.names("one")["one"]
	assert.NotEqual(t, good.Version, fixed.Version)
}

func TestPluginsBadFiles(t *testing.T) {
	t.Parallel()
	bad := map[string]string{
		"noname":    strings.Replace(conf("noname", "good"), "Name = noname\n", "", 1),
		"nomodule":  strings.Replace(conf("nomodule", "good"), "Module = good\n", "", 1),
		"missing":   conf("missing", "nowhere"),
		"nofilter":  strings.Replace(conf("nofilter", "good"), "resource_filter", "# resource_filter", 1),
		"badfilter": strings.Replace(conf("badfilter", "good"), `resource_class = "x"`, `resource_class == "x"`, 1),
	}
	d := startDeck(t, 0, func(d *deck) {
		d.plugin("good", "# good")
		for name, text := range bad {
			filetest.Write(t, filepath.Join(d.dir, name+pluginfile.Extension), text)
		}
	})
	d.names("good")
	for name, wants := range map[string][]string{
		"noname": {"Name"}, "nomodule": {"Module"}, "missing": {"nowhere"}, "nofilter": {"resource_filter"},
		"badfilter": {"resource_filter", "column 16"},
	} {
		path := filepath.Join(d.dir, name+pluginfile.Extension)
		at := -1
		require.Eventually(t, func() bool { // a filter that is missing shows when the module is loaded
			at = slices.IndexFunc(d.logs.All(), func(e observer.LoggedEntry) bool {
				return e.Message == "Cannot load plugin" && e.ContextMap()["path"] == path
			})
			return at >= 0
		}, patience, 5*time.Millisecond, name)
		for _, want := range wants {
			assert.Contains(t, d.logs.All()[at].ContextMap()["error"], want)
		}
	}
	assert.Equal(t, len(bad), d.failures())
	for _, f := range d.plugins.States() { // a file that can be read tells its name all the same
		name := strings.TrimSuffix(filepath.Base(f.Path), pluginfile.Extension)
		if name == "noname" || name == "nomodule" {
			name = ""
		}
		assert.Equal(t, name, f.Name)
	}
}

func TestPluginsOfOneName(t *testing.T) {
	t.Parallel()
	d := startDeck(t, 0, func(d *deck) {
		d.plugin("a", "# a")
		d.plugin("b", "# b")
		filetest.Write(t, filepath.Join(d.dir, "b"+pluginfile.Extension), conf("a", "b"))
	})
	first := d.names("a")["a"]
	fields := d.line("Cannot use plugin")
	a, b := filepath.Join(d.dir, "a"+pluginfile.Extension), filepath.Join(d.dir, "b"+pluginfile.Extension)
	assert.Equal(t, fmt.Sprintf("plugin file %q has the Name \"a\", and so has %q, which is used: give one of them another Name", b, a), fields["error"])
	assert.Equal(t, a, first.File.Path)

	// Once the first is gone the second has the name to itself.
	require.NoError(t, os.Remove(a))
	second := d.until("other file", func(m map[string]*plugin.Plugin) bool { return m["a"] != nil && m["a"].File.Path == b })
	assert.NotNil(t, second)

	// A name that is the same to Panoptes is no better.
	filetest.Write(t, filepath.Join(d.dir, "0.py"), "# 0")
	filetest.Write(t, filepath.Join(d.dir, "0"+pluginfile.Extension), conf("é", "0"))
	d.names("a", "é")
	filetest.Write(t, filepath.Join(d.dir, "1.py"), "# 1")
	filetest.Write(t, filepath.Join(d.dir, "1"+pluginfile.Extension), conf("ü", "1"))
	assert.Contains(t, d.line("Cannot use plugin")["error"], `which is "_" to Panoptes as "é" of`)
}

// A new file with a name that is in use gets it only if it loads: until then the other one runs on.
func TestPluginsNameIsNotLostToABrokenFile(t *testing.T) {
	t.Parallel()
	d := startDeck(t, 0, func(d *deck) {
		d.plugin("b", "# b")
		d.checks["a"] = func(context.Context, string) error { return errors.New("does not load") }
	})
	d.names("b")
	filetest.Write(t, filepath.Join(d.dir, "a.py"), "broken")
	filetest.Write(t, filepath.Join(d.dir, "a"+pluginfile.Extension), conf("b", "a"))
	d.line("Cannot load plugin")
	assert.Empty(t, d.changed)
}

// A module that hangs while it is loaded holds up itself alone.
func TestPluginsHangingCheck(t *testing.T) {
	t.Parallel()
	began := make(chan struct{}, 1)
	d := startDeck(t, 0, func(d *deck) {
		d.plugin("good", "# good")
		d.plugin("hangs", "# hangs")
		d.checks["hangs"] = func(ctx context.Context, _ string) error {
			began <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
	})
	<-began
	d.names("good")
	d.plugin("more", "# more")
	d.names("good", "more")
}

// What a plugin imports may be fixed without its own files changing.
func TestPluginsBrokenIsCheckedAgain(t *testing.T) {
	t.Parallel()
	tries := 0
	d := startDeck(t, 0, func(d *deck) {
		d.plugin("one", "# good")
		d.checks["one"] = func(context.Context, string) error {
			if tries++; tries < 4 {
				return errors.New("No module named requests")
			}
			return nil
		}
	})
	d.names("one")
	assert.Equal(t, 1, d.count("Cannot load plugin"))
}

// A directory that cannot be read any more loses nothing.
func TestPluginsUnreadableDirectory(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	other := filepath.Join(parent, "other")
	filetest.Write(t, filepath.Join(other, "far.py"), "# far")
	filetest.Write(t, filepath.Join(other, "far"+pluginfile.Extension), conf("far", "far"))
	d := startDeck(t, 20*time.Millisecond, func(d *deck) { d.plugin("near", "# near") }, other)
	d.names("far", "near")
	require.NoError(t, os.Rename(other, other+".away"))
	require.ErrorContains(t, <-d.health, other)
	d.plugin("late", "# late")
	d.names("far", "late", "near")
	require.NoError(t, os.Rename(other+".away", other))
	require.NoError(t, <-d.health)
	assert.Zero(t, d.count("Removed plugin"))
}

// Releases are directories, and a link says which one counts.
func TestPluginsSwappedLink(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, release := range []string{"5", "6"} {
		filetest.Write(t, filepath.Join(root, "releases", release, "one.py"), "# release "+release)
		filetest.Write(t, filepath.Join(root, "releases", release, "one"+pluginfile.Extension), conf("one", "one"))
	}
	filetest.Link(t, filepath.Join("releases", "5"), filepath.Join(root, "current"))
	d := startDeck(t, 20*time.Millisecond, func(d *deck) { d.scan = time.Hour }, filepath.Join(root, "current"))
	five := d.names("one")["one"]
	filetest.Link(t, filepath.Join("releases", "6"), filepath.Join(root, "current"))
	six := d.until("release 6", func(m map[string]*plugin.Plugin) bool { return m["one"] != nil && m["one"].Version != five.Version })
	assert.Equal(t, five.File.Path, six["one"].File.Path)
	// And back, to a file with an older time.
	filetest.Link(t, filepath.Join("releases", "5"), filepath.Join(root, "current"))
	d.until("release 5", func(m map[string]*plugin.Plugin) bool { return m["one"] != nil && m["one"].Version == five.Version })
}

func TestPluginsFlaws(t *testing.T) {
	t.Parallel()
	d := startDeck(t, 0, func(d *deck) {
		d.plugin("one", "# one")
		filetest.Write(t, filepath.Join(d.dir, "one"+pluginfile.Extension), conf("one", "one")+"[transforms]\nx = rate:only\ny = rate:one:a\n")
	})
	d.names("one")
	assert.Equal(t, 1, d.count("[transforms]"), d.log())
}
