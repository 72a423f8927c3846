package watch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// watcher tells of changes in a set of directories, as far as the system does. Without it, or beyond its limits, the
// scan interval is what there is.
type watcher struct {
	fs     *fsnotify.Watcher
	logger *zap.Logger
	dirs   map[string]*watched
	warned bool
}

// watched says which entries of a directory matter.
type watched struct {
	all      bool
	names    map[string]struct{}
	patterns []string
}

func newWatcher(logger *zap.Logger) *watcher {
	w := &watcher{logger: logger}
	var err error
	if w.fs, err = fsnotify.NewWatcher(); err != nil {
		w.warn(err)
	}
	return w
}

func (w *watcher) warn(err error) {
	if !w.warned {
		w.logger.Warn("The system does not tell of changes to files; they are found by the next scan", zap.Error(err))
	}
	w.warned = true
}

func (w *watcher) close() {
	if w.fs != nil {
		_ = w.fs.Close() // nothing is lost
	}
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w.fs == nil {
		return nil
	}
	return w.fs.Events
}

func (w *watcher) errors() <-chan error {
	if w.fs == nil {
		return nil
	}
	return w.fs.Errors
}

// matters says whether a change is one that was asked for.
func (w *watcher) matters(e fsnotify.Event) bool {
	dir, ok := w.dirs[filepath.Dir(e.Name)]
	if !ok || dir.all {
		return true // all of it, or the directory itself
	}
	name := filepath.Base(e.Name)
	if _, ok := dir.names[name]; ok {
		return true
	}
	return slices.ContainsFunc(dir.patterns, func(p string) bool {
		matches, _ := filepath.Match(p, name) // one that does not parse is refused with the configuration
		return matches
	})
}

// What is what to watch.
type What struct {
	Dirs     []string // all of their entries
	Entries  []string
	Patterns []string // of entries; the directory may have wildcards, too
}

// watch asks for changes to what is wanted, and to nothing else. It says whether there is a directory that was not
// watched before: what changed in it after it was scanned and before now, nobody tells.
func (w *watcher) watch(wanted What) (added bool) {
	w.dirs = map[string]*watched{}
	of := func(dir string) *watched {
		if w.dirs[dir] == nil {
			w.dirs[dir] = &watched{names: map[string]struct{}{}}
		}
		return w.dirs[dir]
	}
	for _, path := range wanted.Entries {
		of(filepath.Dir(path)).names[filepath.Base(path)] = struct{}{}
	}
	for _, pattern := range wanted.Patterns {
		dirs, _ := filepath.Glob(filepath.Dir(pattern))
		for _, path := range dirs {
			dir := of(path)
			dir.patterns = append(dir.patterns, filepath.Base(pattern))
		}
	}
	for _, dir := range wanted.Dirs {
		of(dir).all = true
	}
	return w.apply()
}

func (w *watcher) apply() (added bool) {
	if w.fs == nil {
		return false
	}
	have := map[string]struct{}{}
	for _, dir := range w.fs.WatchList() {
		have[dir] = struct{}{}
		if w.dirs[dir] == nil {
			_ = w.fs.Remove(dir) // it may be gone by itself
		}
	}
	for dir := range w.dirs {
		if _, ok := have[dir]; ok {
			continue
		}
		err := w.fs.Add(dir)
		if err != nil {
			if info, statErr := os.Stat(dir); statErr == nil && info.IsDir() {
				w.warn(err)
			}
		}
		added = added || err == nil
	}
	return added
}

// maxLinks is how many symbolic links a path may lead over, as in Linux.
const maxLinks = 40

// Links returns the directory entries by which path is found: path itself, and every symbolic link on the way. When
// one of them is replaced, path means something else, and only its directory tells.
func Links(path string) []string {
	out := []string{path}
	at := string(filepath.Separator)
	todo := strings.Split(path, string(filepath.Separator))
	for n := 0; len(todo) > 0 && n < maxLinks; {
		next := filepath.Join(at, todo[0])
		todo = todo[1:]
		target, err := os.Readlink(next)
		if err != nil {
			at = next
			continue
		}
		n++
		out = append(out, next)
		if filepath.IsAbs(target) {
			at = string(filepath.Separator)
		}
		todo = append(strings.Split(target, string(filepath.Separator)), todo...)
	}
	return out
}
