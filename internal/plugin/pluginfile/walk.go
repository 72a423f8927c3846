package pluginfile

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// Found is what a walk through directories came to.
type Found struct {
	Files []string // plugin files, in order of their paths
	Dirs  []string // all directories that were looked at
	// unreadable are the directories that could not be read: what was known to be in them is unknown now, not gone.
	unreadable map[string]error
}

// Walk looks for plugin files in the directories below the roots, and follows symbolic links. A directory that can be
// reached in several ways is looked at once, by the first path, so that a link to a parent ends nothing but itself. One whose
// file system does not answer cannot be read.
// Names that begin with ".." are left out: Kubernetes keeps the versions of a mounted volume in such directories, and
// links to their files beside them. So are those that begin with ".#", the locks of Emacs: links that lead nowhere.
func Walk(ctx context.Context, roots []string) Found {
	w := walker{seen: map[string]struct{}{}, out: Found{unreadable: map[string]error{}}}
	for _, root := range roots {
		w.directory(ctx, root)
	}
	slices.Sort(w.out.Files)
	w.out.Files = slices.Compact(w.out.Files)
	return w.out
}

type walker struct {
	seen map[string]struct{} // real paths of directories
	out  Found
}

func (w *walker) directory(ctx context.Context, path string) {
	found, err := safefile.Try(ctx, "list", path, func() (listing, error) { return list(path) })
	if err != nil {
		w.out.unreadable[path] = err
		return
	}
	if _, ok := w.seen[found.real]; ok {
		return
	}
	w.seen[found.real] = struct{}{}
	w.out.Dirs = append(w.out.Dirs, path)
	w.out.Files = append(w.out.Files, found.files...)
	for _, below := range found.dirs {
		w.directory(ctx, below)
	}
}

// listing is what is in a directory.
type listing struct {
	real        string
	files, dirs []string
}

func list(path string) (l listing, err error) {
	if l.real, err = filepath.EvalSymlinks(path); err != nil {
		return l, err
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() { // to open a pipe would wait
		return l, &fs.PathError{Op: "list", Path: path, Err: cmp.Or(err, errors.New("it is no folder"))}
	}
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(name)
			isDir = err == nil && info.IsDir()
		}
		switch {
		case strings.HasPrefix(e.Name(), ".."), strings.HasPrefix(e.Name(), ".#"):
		case isDir:
			l.dirs = append(l.dirs, name)
		case IsPluginFile(name):
			l.files = append(l.files, name)
		}
	}
	return l, err
}

// Hidden says whether path lies in a directory that could not be read.
func (f *Found) Hidden(path string) bool {
	for dir := range f.unreadable {
		if path == dir || strings.HasPrefix(path, dir+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// Err names the directories that could not be read.
func (f *Found) Err() error {
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(f.unreadable)) {
		errs = append(errs, f.unreadable[dir])
	}
	return errors.Join(errs...)
}
