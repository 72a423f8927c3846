package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/resourcefilter"
	"github.com/panoptes-otel/panoptes-otel/internal/resources"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxWarnings bounds the lines that one file of resources may write to the log each time it changes.
const maxWarnings = 10

// maxTTLSeconds is a hundred years: a time to live beyond it would not fit a duration.
const maxTTLSeconds = 100 * 365 * 24 * 3600

// ResourceSettings are what NewResources takes. The functions are called from the goroutine of Run alone.
type ResourceSettings struct {
	// Files are paths with * ? and [...].
	Files []string
	// Settle is how long a change must last before it counts.
	Settle time.Duration
	// ScanInterval is the time between two scans.
	ScanInterval time.Duration
	// Filter keeps the resources that match; nil keeps all.
	Filter *resourcefilter.Filter
	// Logger gets a line for each file that is loaded, broken, mended or gone.
	Logger *zap.Logger
	// Changed gets all resources, in the order of files and of the entries in them, whenever they change. A resource that
	// did not change is the same pointer.
	Changed func([]*pluginsdk.Resource)
	// Failed is called for each broken change, once.
	Failed func()
}

// Resources keeps the resources of a set of files. Run is its life.
type Resources struct {
	settings ResourceSettings
	logger   *zap.Logger
	watch    *watcher
	pace     pace
	files    map[string]*resourceFile
	order    []string // paths, as the patterns found them
	current  map[pluginsdk.Identity]*pluginsdk.Resource
	list     []*pluginsdk.Resource // as Changed was told last
	told     bool
	twice    int                 // resources that two files have, as logged
	empty    map[string]struct{} // patterns that match nothing, as logged
	seen     firstSeen
}

// resourceFile is what is known of one file of resources.
type resourceFile struct {
	path      string
	settling  settling
	resources []*pluginsdk.Resource // of the last good version
	refreshed time.Time             // when the file was last there
	err       error
}

// NewResources returns the catalogue of the given files.
func NewResources(s ResourceSettings) *Resources {
	return &Resources{
		settings: s,
		logger:   s.Logger,
		pace:     pace{interval: s.ScanInterval, settle: s.Settle},
		files:    map[string]*resourceFile{},
		current:  map[pluginsdk.Identity]*pluginsdk.Resource{},
		empty:    map[string]struct{}{},
		seen:     firstSeen{},
	}
}

// Run keeps the catalogue until ctx ends.
func (r *Resources) Run(ctx context.Context) {
	r.watch = newWatcher(r.logger)
	defer r.watch.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	r.scan(0)
	for {
		timer.Reset(time.Until(r.pace.next))
		select {
		case <-ctx.Done():
			return
		case e := <-r.watch.events():
			if r.watch.matters(e) {
				r.pace.changed(time.Now())
			}
		case err := <-r.watch.errors():
			r.watch.warn(err)
			r.pace.changed(time.Now())
		case <-timer.C:
			r.scan(r.settings.Settle)
		}
	}
}

// scan looks at all files. settle is 0 at the start, where there is nothing yet to be kept.
func (r *Resources) scan(settle time.Duration) {
	now := time.Now()
	r.pace.begin(now)
	paths := r.glob()
	for _, path := range paths {
		f := r.files[path]
		if f == nil {
			f = &resourceFile{path: path, settling: settling{taken: gone}}
			r.files[path] = f
		}
		f.refreshed = now
		r.look(f, now, settle)
	}
	for _, path := range slices.Sorted(maps.Keys(r.files)) {
		if !slices.Contains(paths, path) {
			r.lookGone(r.files[path], now, settle)
		}
	}
	r.order = paths
	for path := range r.files {
		if !slices.Contains(paths, path) {
			r.order = append(r.order, path)
		}
	}
	slices.Sort(r.order[len(paths):])
	r.publish(now)
	r.watchAll()
}

// glob returns the files that the patterns match, in the order of the patterns and then of the paths.
func (r *Resources) glob() []string {
	var paths []string
	for _, pattern := range r.settings.Files {
		found, err := filepath.Glob(pattern)
		if err == nil && len(found) == 0 {
			err = errors.New("nothing is there")
		}
		if _, logged := r.empty[pattern]; err != nil && !logged {
			r.empty[pattern] = struct{}{}
			r.logger.Warn("No file of resources matches", zap.String("files", pattern), zap.Error(err))
		} else if err == nil {
			delete(r.empty, pattern)
		}
		for _, path := range found {
			if !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// look takes the contents of a file where they are new and have settled.
func (r *Resources) look(f *resourceFile, now time.Time, settle time.Duration) {
	state, err := hashFile(f.path)
	if err != nil {
		state = "unreadable: " + err.Error()
	}
	take, next := f.settling.see(state, now, settle)
	r.pace.by(next)
	if !take {
		return
	}
	var list []*pluginsdk.Resource
	var warnings []error
	if err == nil {
		list, warnings, err = resources.LoadFile(f.path)
	}
	f.err = err
	if err != nil {
		r.settings.Failed()
		r.logger.Error("Cannot load resources", zap.String("path", f.path), zap.Error(err), zap.Int("resources", len(f.resources)),
			zap.String("next", "mend the file; the resources of its last good version stay meanwhile"))
		return
	}
	for i, w := range warnings {
		if i == maxWarnings {
			r.logger.Warn("File of resources has more bad entries", zap.String("path", f.path), zap.Int("more", len(warnings)-i))
			break
		}
		r.logger.Warn("File of resources has a bad entry, which is left out", zap.String("path", f.path), zap.Error(w))
	}
	f.resources = list
	r.logger.Info("Loaded resources", zap.String("path", f.path), zap.Int("resources", len(list)))
}

// lookGone takes a file out that is gone. One of which the system does not say whether it is there keeps its resources
// for their time to live.
func (r *Resources) lookGone(f *resourceFile, now time.Time, settle time.Duration) {
	if _, err := os.Lstat(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		state := "unreachable: " + err.Error()
		take, next := f.settling.see(state, now, settle)
		r.pace.by(next)
		if take {
			f.err = err
			r.settings.Failed()
			r.logger.Error("Cannot reach file of resources; they stay for their time to live", zap.String("path", f.path), zap.Error(err))
		}
		return
	}
	take, next := f.settling.see(gone, now, settle)
	r.pace.by(next)
	if !take && f.settling.taken != gone {
		return
	}
	delete(r.files, f.path)
	r.logger.Info("Removed resources: their file is gone", zap.String("path", f.path), zap.Int("resources", len(f.resources)))
}

// publish joins the files and tells of the result where it changed.
func (r *Resources) publish(now time.Time) {
	var list []*pluginsdk.Resource
	at := map[pluginsdk.Identity]int{}
	twice := 0
	var example pluginsdk.Identity
	for _, path := range r.order {
		f := r.files[path]
		if f == nil {
			continue
		}
		for _, res := range f.resources {
			if r.settings.Filter != nil && !r.settings.Filter.Match(res) || expired(res, f.refreshed, now) {
				continue
			}
			id := res.Identity()
			res = r.keep(id, res)
			if i, ok := at[id]; ok {
				list[i] = res
				twice++
				example = id
				continue
			}
			at[id] = len(list)
			list = append(list, res)
		}
	}
	if twice != r.twice && twice > 0 {
		r.logger.Warn("Resources are listed more than once; the last one of each counts",
			zap.Int("resources", twice), zap.String("such_as", example.ID))
	}
	r.twice = twice
	if r.told && slices.Equal(r.list, list) {
		return
	}
	clear(r.current)
	for id, i := range at {
		r.current[id] = list[i]
	}
	r.list, r.told = list, true
	r.seen.held(r.current, now)
	r.settings.Changed(list)
}

// keep returns the resource as it is known: with the creation timestamp that was seen first, and as the same pointer
// where nothing about it changed.
func (r *Resources) keep(id pluginsdk.Identity, res *pluginsdk.Resource) *pluginsdk.Resource {
	first := r.seen.first(id, res)
	old := r.current[id]
	if old == res {
		return old
	}
	if res.CreationTimestamp != first {
		copied := *res
		copied.CreationTimestamp = first
		res = &copied
	}
	if old != nil && old.Endpoint == res.Endpoint && old.Plugin == res.Plugin &&
		old.CreationTimestamp == res.CreationTimestamp && slices.Equal(old.Metadata, res.Metadata) {
		return old
	}
	return res
}

// expired says whether the time to live has passed since the file of the resource was last there.
func expired(res *pluginsdk.Resource, refreshed, now time.Time) bool {
	return now.After(refreshed.Add(timeToLive(res)))
}

func timeToLive(res *pluginsdk.Resource) time.Duration {
	text, _ := res.Metadata.Get(pluginsdk.ResourceTTLKey)
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds <= 0 || seconds > maxTTLSeconds {
		seconds, _ = strconv.ParseInt(pluginsdk.DefaultResourceTTL, 10, 64)
	}
	return time.Duration(seconds) * time.Second
}

// watchAll asks for changes to what the patterns match, and to the links that lead there.
func (r *Resources) watchAll() {
	var entries []string
	for _, pattern := range r.settings.Files {
		dirs, _ := filepath.Glob(filepath.Dir(pattern))
		for _, dir := range dirs {
			entries = append(entries, links(dir)...)
		}
	}
	for path := range r.files {
		entries = append(entries, links(path)...)
		if target, err := filepath.EvalSymlinks(path); err == nil {
			entries = append(entries, target)
		}
	}
	if r.watch.watch(wish{entries: entries, patterns: r.settings.Files}) {
		r.pace.changed(time.Now()) // see what came in between
	}
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read %q: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
