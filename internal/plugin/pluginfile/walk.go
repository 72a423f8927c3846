package pluginfile

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Found is what a walk through directories came to.
type Found struct {
	Files []string // plugin files, in order of their paths
	Dirs  []string // all directories that were looked at
	// unreadable are the directories that could not be read: what was known to be in them is unknown now, not gone.
	unreadable map[string]error
}

// Walk looks for plugin files in the directories below the roots, and follows symbolic links. A directory that can be
// reached in several ways is looked at once, by the first path, so that a link to a parent ends nothing but itself.
// Names that begin with ".." are left out: Kubernetes keeps the versions of a mounted volume in such directories, and
// links to their files beside them.
func Walk(roots []string) Found {
	w := walker{seen: map[string]struct{}{}, out: Found{unreadable: map[string]error{}}}
	for _, root := range roots {
		w.directory(root)
	}
	slices.Sort(w.out.Files)
	w.out.Files = slices.Compact(w.out.Files)
	return w.out
}

type walker struct {
	seen map[string]struct{} // real paths of directories
	out  Found
}

func (w *walker) directory(path string) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		w.out.unreadable[path] = err
		return
	}
	if _, ok := w.seen[real]; ok {
		return
	}
	w.seen[real] = struct{}{}
	entries, err := os.ReadDir(path)
	if err != nil {
		w.out.unreadable[path] = err
		return
	}
	w.out.Dirs = append(w.out.Dirs, path)
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, "..") {
			w.entry(filepath.Join(path, name), e)
		}
	}
}

func (w *walker) entry(path string, e fs.DirEntry) {
	isDir := e.IsDir()
	if e.Type()&fs.ModeSymlink != 0 {
		info, err := os.Stat(path)
		isDir = err == nil && info.IsDir()
	}
	switch {
	case isDir:
		w.directory(path)
	case IsPluginFile(path):
		w.out.Files = append(w.out.Files, path)
	}
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
