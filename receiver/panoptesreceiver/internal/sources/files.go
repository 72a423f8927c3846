package sources

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
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/watch"
)

// maxWarnings bounds the lines that one list of resources may write to the log each time it changes.
const maxWarnings = 10

// ReadFile reads the contents of the file at path: what it lists, and what is left out, or why it lists nothing. All errors name the file.
type ReadFile func(path string, data []byte) (list []*pluginsdk.Resource, warnings []error, err error)

// FileSettings are what NewFiles takes.
type FileSettings struct {
	// Files are paths with * ? and [...].
	Files []string
	// Read reads the contents of the file at path.
	Read ReadFile
	// Kind is the kind of source that each file is, and Order the number of the first one.
	Kind  store.Kind
	Order int
	// Settle is how long a change must last before it counts.
	Settle time.Duration
	// ScanInterval is the time between two scans.
	ScanInterval time.Duration
	// Logger gets a line for each file that is loaded, broken, fixed or gone.
	Logger *zap.Logger
	// Failed is called for each broken change, once, from the goroutine of Run.
	Failed func()
	// Listed is called once, from there, too, after the first scan.
	Listed func()
}

// Files reads the resources of a set of files. Each file is a source of its own.
type Files struct {
	settings FileSettings
	logger   *zap.Logger
	loop     *watch.Loop
	out      *store.Store
	files    map[string]*resourceFile
	past     watch.Past
	empty    map[string]struct{} // patterns that match nothing, as logged
	watched  []string            // patterns whose file system answers
}

// resourceFile is what is known of one file of resources.
type resourceFile struct {
	path     string
	settling watch.Settling
	source   *store.Source
	silent   bool // its file system does not answer
}

// NewFiles returns the source.
func NewFiles(s FileSettings) *Files {
	return &Files{
		settings: s,
		logger:   s.Logger,
		loop:     watch.NewLoop(s.ScanInterval, s.Settle, s.Logger),
		files:    map[string]*resourceFile{},
		past:     watch.Past{},
		empty:    map[string]struct{}{},
	}
}

// Run implements resource.Provider.
func (r *Files) Run(ctx context.Context, out *store.Store) {
	r.out = out
	listed := sync.OnceFunc(r.settings.Listed)
	r.loop.Run(ctx, func(settle time.Duration) {
		r.scan(ctx, settle)
		listed()
	})
}

// scan looks at all files. settle is 0 at the start, where there is nothing yet to be kept.
func (r *Files) scan(ctx context.Context, settle time.Duration) {
	now := time.Now()
	r.loop.Begin(now)
	r.past.Forget(now, settle)
	r.out.Together(func() {
		paths := r.glob(ctx)
		for i, path := range paths {
			order := r.settings.Order + i
			f := r.files[path]
			if f == nil {
				f = r.newFile(path, order)
				r.files[path] = f
			}
			f.source.Move(order)
			r.look(ctx, f, now, settle)
			f.source.Refresh(now)
		}
		for _, path := range slices.Sorted(maps.Keys(r.files)) {
			if !slices.Contains(paths, path) {
				r.lookGone(ctx, r.files[path], now, settle)
			}
		}
	})
	r.watchAll()
}

func (r *Files) newFile(path string, order int) *resourceFile {
	return &resourceFile{
		path: path, settling: r.past.Of(path),
		source: r.out.Open(store.Place{Kind: r.settings.Kind, Order: order, Name: path}),
	}
}

// glob returns the files that the patterns match, in the order of the patterns and then of the paths.
func (r *Files) glob(ctx context.Context) []string {
	var paths []string
	r.watched = r.watched[:0]
	for _, pattern := range r.settings.Files {
		found, err := safefile.Try(ctx, "list", pattern, func() ([]string, error) { return filepath.Glob(pattern) })
		if !errors.Is(err, safefile.ErrSilent) {
			r.watched = append(r.watched, pattern)
		}
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
func (r *Files) look(ctx context.Context, f *resourceFile, now time.Time, settle time.Duration) {
	state, err := hashFile(ctx, f.path)
	f.silent = errors.Is(err, safefile.ErrSilent)
	if err != nil {
		state = "unreadable: " + err.Error()
	}
	take, next := f.settling.See(state, now, settle)
	r.loop.By(next)
	if !take {
		return
	}
	if err == nil {
		err = r.load(ctx, f, state, now)
	}
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, errFileChanged) {
		f.settling.Again()
		r.loop.Changed()
		return
	}
	if err != nil {
		f.source.Fail(err)
		r.settings.Failed()
		r.logger.Error("Cannot load resources", zap.String("path", f.path), zap.Error(err), zap.Int("resources", f.source.Len()),
			zap.String("next", "fix the file; the resources of its last good version stay meanwhile"))
	}
}

// errFileChanged says that what was read is not what had settled.
var errFileChanged = errors.New("the file changed while it was read")

// load reads a file whose contents have settled as state.
func (r *Files) load(ctx context.Context, f *resourceFile, state string, now time.Time) error {
	data, err := parse.ReadFile(ctx, f.path)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != state {
		return errFileChanged
	}
	type contents struct {
		list     []*pluginsdk.Resource
		warnings []error
	}
	// A large file takes seconds, which a shutdown does not wait for.
	found, err := safefile.Within(ctx, "parse", f.path, func() (c contents, err error) {
		c.list, c.warnings, err = r.settings.Read(f.path, data)
		return c, err
	}, func(contents) {})
	if err != nil {
		return err
	}
	warnEntries(r.logger.With(zap.String("path", f.path)), found.warnings)
	if f.source.Set(found.list, now) { // else the store has said why not
		r.logger.Info("Loaded resources", zap.String("path", f.path), zap.Int("resources", len(found.list)))
	}
	return nil
}

// lookGone takes a file out that is gone. One of which the system does not say whether it is there keeps its resources
// for their time to live.
func (r *Files) lookGone(ctx context.Context, f *resourceFile, now time.Time, settle time.Duration) {
	_, err := safefile.Try(ctx, "open", f.path, func() (fs.FileInfo, error) { return os.Lstat(f.path) })
	f.silent = errors.Is(err, safefile.ErrSilent)
	if ctx.Err() != nil {
		return
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		state := "unreachable: " + err.Error()
		take, next := f.settling.See(state, now, settle)
		r.loop.By(next)
		if take {
			f.source.Fail(err)
			r.settings.Failed()
			r.logger.Error("Cannot reach file of resources; they stay for their time to live", zap.String("path", f.path), zap.Error(err))
		}
		return
	}
	take, next := f.settling.See(watch.Gone, now, settle)
	r.loop.By(next)
	if !take && f.settling.Taken != watch.Gone {
		return
	}
	delete(r.files, f.path)
	r.past[f.path] = f.settling
	r.logger.Info("Removed resources: their file is gone", zap.String("path", f.path), zap.Int("resources", f.source.Len()))
	f.source.Close()
}

// watchAll asks for changes to what the patterns match, and to the links that lead there.
func (r *Files) watchAll() {
	var entries []string
	for _, pattern := range r.watched {
		dirs, _ := filepath.Glob(filepath.Dir(pattern))
		for _, dir := range dirs {
			entries = append(entries, watch.Links(dir)...)
		}
	}
	for path, f := range r.files {
		if f.silent {
			continue
		}
		entries = append(entries, watch.Links(path)...)
		if target, err := filepath.EvalSymlinks(path); err == nil {
			entries = append(entries, target)
		}
	}
	r.loop.Watch(watch.What{Entries: entries, Patterns: r.watched})
}

func hashFile(ctx context.Context, path string) (string, error) {
	f, err := safefile.Open(ctx, path, parse.MaxSize)
	if err != nil {
		return "", err
	}
	return safefile.Try(ctx, "read", path, func() (string, error) {
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return "", fmt.Errorf("read %q: %w", path, err)
		}
		return hex.EncodeToString(sum.Sum(nil)), nil
	})
}

// Resources reads files in the formats of package parse.
func Resources(defaults *pluginsdk.Resource) ReadFile {
	return func(path string, data []byte) ([]*pluginsdk.Resource, []error, error) {
		return parse.ParseFile(path, data, defaults)
	}
}
