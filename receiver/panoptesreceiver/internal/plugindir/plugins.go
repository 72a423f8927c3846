package plugindir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/watch"
)

// checkTimeout bounds how long a module may take to load.
const checkTimeout = 30 * time.Second

// PluginSettings are what NewPlugins takes. The functions are called from the goroutine of Run alone.
type PluginSettings struct {
	// Directories are scanned for plugin files.
	Directories []string
	// Settle is how long a change must last before it counts.
	Settle time.Duration
	// ScanInterval is the time between two scans.
	ScanInterval time.Duration
	// Open is what the plugin file at a path is opened with.
	Open func(path string) plugin.OpenOptions
	// SnapshotDir is where copies of modules are kept; the caller removes it in the end.
	SnapshotDir string
	// Check loads a plugin to see whether it can be, and returns it with what that tells of it. It is called from several
	// goroutines at once.
	Check func(ctx context.Context, p *plugin.Plugin) (*plugin.Plugin, error)
	// MaxChecks is the most checks at once.
	MaxChecks int
	// Logger gets a line for each plugin that is loaded, broken, fixed or gone.
	Logger *zap.Logger
	// Changed gets all plugins in order of the paths of their files, whenever that changes. A plugin that did not change is
	// the same pointer.
	Changed func([]*plugin.Plugin)
	// Failed is called for each broken change, once.
	Failed func()
	// Health gets what keeps directories from being read, or nil, whenever that changes.
	Health func(error)
}

// Plugins keeps the plugins of a set of directories. Run is its life.
type Plugins struct {
	settings  PluginSettings
	logger    *zap.Logger
	loop      *watch.Loop
	files     map[string]*pluginFile
	past      watch.Past
	current   []*plugin.Plugin // as Changed was told last
	told      bool
	health    string
	copies    int // made so far
	discarded []discarded
	checks    chan struct{} // places
	wg        sync.WaitGroup

	mu     sync.Mutex
	states []FileState
}

// pluginFile is what is known of one plugin file.
type pluginFile struct {
	path     string
	name     string   // as the version that was taken says it, "" where it cannot be read that far
	warnings []string // of the version that was taken
	settling watch.Settling
	good     *plugin.Plugin // the last version that loads; nil where there was none
	checking *plugin.Plugin // the version that is being checked
	opened   *plugin.Plugin // the version that was taken, for another check
	loaded   time.Time      // when good was
	err      error          // why the version that was taken does not load
	failed   time.Time      // since when
	logged   string         // the error that was logged
	refused  string         // why good is not used, as logged
	copies   []string       // folders of the copies, that of good last
	copied   []string       // files of the last
}

// checked is the answer to a check.
type checked struct {
	file   *pluginFile
	opened *plugin.Plugin // what was checked
	plugin *plugin.Plugin // what to run
	dir    string         // the copy
	copied []string       // its files
	err    error
}

// NewPlugins returns the plugins of the given directories.
func NewPlugins(s PluginSettings) *Plugins {
	return &Plugins{
		settings: s,
		logger:   s.Logger,
		loop:     watch.NewLoop(s.ScanInterval, s.Settle, s.Logger),
		files:    map[string]*pluginFile{},
		past:     watch.Past{},
		checks:   make(chan struct{}, max(s.MaxChecks, 1)),
	}
}

// Run keeps them until ctx ends.
func (p *Plugins) Run(ctx context.Context) {
	defer p.wg.Wait()
	p.loop.Run(ctx, func(settle time.Duration) { p.scan(ctx, settle) })
}

// scan looks at all files. settle is 0 at the start, where there is nothing yet to be kept.
func (p *Plugins) scan(ctx context.Context, settle time.Duration) {
	now := time.Now()
	periodic := p.loop.Begin(now)
	p.past.Forget(now, settle)
	found := pluginfile.Walk(ctx, p.settings.Directories)
	if ctx.Err() != nil {
		return
	}
	for _, path := range found.Files {
		f := p.files[path]
		if f == nil {
			f = &pluginFile{path: path, settling: p.past.Of(path)}
			p.files[path] = f
		}
		p.look(ctx, f, now, settle, periodic)
	}
	var removed []*pluginFile
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		if _, ok := slices.BinarySearch(found.Files, path); !ok && !found.Hidden(path) {
			if f := p.files[path]; p.lookGone(f, now, settle) {
				removed = append(removed, f)
			}
		}
	}
	p.publish()
	p.noteStates()
	p.sweep(now)
	for _, f := range removed {
		p.logger.Info("Removed plugin: its file is gone", zap.String("plugin", f.good.Name()), zap.String("path", f.path))
	}
	p.watchAll(found)
	p.report(found.Err())
}

// look takes the state of a file where it is new and has settled.
func (p *Plugins) look(ctx context.Context, f *pluginFile, now time.Time, settle time.Duration, periodic bool) {
	opened, warnings, err := open(ctx, f.path, p.settings.Open(f.path))
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, plugin.ErrNotScheduled) && opened != nil {
		err = nil // an override may schedule it, which the receiver knows
	}
	state := "broken: "
	if err == nil {
		state = "version " + opened.Version
	} else {
		state += err.Error()
	}
	take, next := f.settling.See(state, now, settle)
	p.loop.By(next)
	switch {
	case take && err != nil:
		f.opened, f.checking = nil, nil
		f.name = nameOf(ctx, f.path)
		p.warnAll(f, warnings)
		p.fail(f, err)
	case take:
		f.opened, f.name = opened, opened.Name()
		p.warnAll(f, append(warnings, transformWarnings(opened)...))
		p.check(ctx, f)
	case f.good != nil && f.opened != nil && f.checking == nil && !f.copyIsWhole():
		p.logger.Warn("Files are gone of the copy that a plugin runs from, as after temporary files are cleaned up: it is made again",
			zap.String("plugin", f.good.Name()), zap.String("path", f.path), zap.String("copy", f.copies[len(f.copies)-1]))
		p.check(ctx, f)
	case periodic && f.err != nil && f.opened != nil && f.checking == nil && !f.settling.Pending():
		p.check(ctx, f) // what it imports may have been fixed
	}
}

// open is plugin.Open, which waits for no file system that does not answer.
func open(ctx context.Context, path string, o plugin.OpenOptions) (opened *plugin.Plugin, warnings []string, err error) {
	type result struct {
		plugin   *plugin.Plugin
		warnings []string
	}
	var bad error // may come with a plugin
	r, err := safefile.Try(ctx, "open", path, func() (r result, _ error) {
		r.plugin, r.warnings, bad = plugin.Open(path, o)
		return r, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return r.plugin, r.warnings, bad
}

// nameOf is the name that a plugin file which cannot be opened has all the same.
func nameOf(ctx context.Context, path string) string {
	file, err := safefile.Try(ctx, "read", path, func() (*pluginfile.File, error) { return pluginfile.Load(path) })
	if err != nil {
		return ""
	}
	return file.Name
}

// lookGone forgets a file that is gone, and says whether that takes a plugin away.
func (p *Plugins) lookGone(f *pluginFile, now time.Time, settle time.Duration) (removed bool) {
	take, next := f.settling.See(watch.Gone, now, settle)
	p.loop.By(next)
	if !take && f.settling.Taken != watch.Gone {
		return false
	}
	delete(p.files, f.path)
	p.past[f.path] = f.settling
	f.checking = nil
	p.discard(f, 0)
	return f.good != nil
}

// warnAll notes and logs what a plugin file does that its author may not expect.
func (p *Plugins) warnAll(f *pluginFile, warnings []string) {
	f.warnings = warnings
	fields := []zap.Field{zap.String("path", f.path), zap.String("next", nextFlaw)}
	if f.name != "" {
		fields = append(fields, zap.String("plugin", f.name))
	}
	for _, w := range warnings {
		p.logger.Warn("Plugin file has a flaw: "+w, fields...)
	}
}

func transformWarnings(opened *plugin.Plugin) (warnings []string) {
	_, errs := transforms.Parse(opened.File.Transforms())
	for _, err := range errs {
		warnings = append(warnings, fmt.Sprintf("[transforms] %s; this line is off, the others work", err))
	}
	return warnings
}

// check copies the version that was taken and sees whether it loads, beside all others.
func (p *Plugins) check(ctx context.Context, f *pluginFile) {
	p.copies++
	found, dir := f.opened, filepath.Join(p.settings.SnapshotDir, strconv.Itoa(p.copies))
	f.checking = found
	p.wg.Go(func() {
		c := checked{file: f, opened: found, dir: dir}
		c.plugin, c.err = p.load(ctx, found, dir)
		c.copied = filesOf(dir)
		p.loop.Do(ctx, func() { p.accept(ctx, c) })
	})
}

func (p *Plugins) load(ctx context.Context, found *plugin.Plugin, dir string) (*plugin.Plugin, error) {
	select {
	case p.checks <- struct{}{}:
		defer func() { <-p.checks }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// A package keeps the name of its folder.
	snapshot, err := safefile.Try(ctx, "copy", dir, func() (*plugin.Plugin, error) {
		return found.Snapshot(filepath.Join(dir, filepath.Base(filepath.Dir(found.Module))))
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return p.settings.Check(ctx, snapshot)
}

// accept takes the answer to a check, unless the file has changed meanwhile.
func (p *Plugins) accept(ctx context.Context, c checked) {
	f := c.file
	stale := f.checking != c.opened
	if !stale {
		f.checking = nil
	}
	if stale || c.err != nil {
		_ = os.RemoveAll(c.dir) // else it goes in the end
	}
	switch {
	case stale || ctx.Err() != nil:
		return
	case errors.Is(c.err, plugin.ErrChanged):
		f.settling.Again()
		p.loop.Changed()
		return
	case c.err != nil:
		p.fail(f, c.err)
		p.noteStates()
		return
	}
	f.good, f.loaded, f.err, f.logged = c.plugin, time.Now(), nil, ""
	f.copies, f.copied = append(f.copies, c.dir), c.copied
	p.discard(f, 1)
	p.publish()
	p.noteStates()
	p.logger.Info("Loaded plugin", zap.String("plugin", c.plugin.Name()), zap.String("path", f.path),
		zap.String("version", c.plugin.File.Version), zap.String("content", c.plugin.Version),
		zap.String("runtime", string(c.plugin.Kind)), zap.Duration("interval", c.plugin.Interval))
}

// fail notes that the version that was taken is broken.
func (p *Plugins) fail(f *pluginFile, err error) {
	f.err = err
	if f.logged == err.Error() {
		return
	}
	f.logged, f.failed = err.Error(), time.Now()
	next := "fix the file; the plugin is loaded as soon as it can be"
	if f.opened != nil && f.opened.Kind == plugin.KindGo {
		next = "list the extension that offers go:" + f.opened.Module + " under service::extensions, or name another Module"
	}
	if f.good != nil {
		next += "; the last good version, " + f.good.Version + ", goes on meanwhile"
	}
	fields := []zap.Field{zap.String("path", f.path), zap.Error(err), zap.String("next", next)}
	var raised *run.PluginError
	if errors.As(err, &raised) && raised.Traceback != "" {
		fields = append(fields, zap.String("traceback", raised.Traceback))
	}
	p.settings.Failed()
	p.logger.Error("Cannot load plugin", fields...)
}

// watchAll asks for changes to all directories, to the modules outside of them, and to the links that lead there.
func (p *Plugins) watchAll(found pluginfile.Found) {
	dirs := found.Dirs
	var entries []string
	for _, root := range p.settings.Directories {
		if !found.Hidden(root) {
			entries = append(entries, watch.Links(root)...)
		}
	}
	for _, f := range p.files {
		if f.opened != nil && f.opened.Kind != plugin.KindGo {
			dirs = append(dirs, filepath.Dir(f.opened.Module))
		}
		entries = append(entries, f.copied...)
	}
	p.loop.Watch(watch.What{Dirs: dirs, Entries: entries})
}

func (p *Plugins) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == p.health {
		return
	}
	p.health = text
	if err != nil {
		err = fmt.Errorf("cannot read plugin directories: %w", err)
		p.logger.Error("Cannot read plugin directories; what was loaded from them stays", zap.String("error", strings.ReplaceAll(text, "\n", "; ")))
	} else {
		p.logger.Info("All plugin directories can be read again")
	}
	p.settings.Health(err)
}
