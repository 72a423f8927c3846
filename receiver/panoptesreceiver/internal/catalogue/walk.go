package catalogue

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pluginSuffix ends the name of a plugin file.
const pluginSuffix = ".panoptes-plugin"

// found is what a scan of plugin directories came to.
type found struct {
	files []string // plugin files, in order of their paths
	dirs  []string // all directories that were looked at
	// unreadable are the directories that could not be read: what was known to be in them is unknown now, not gone.
	unreadable map[string]error
}

// walk looks for plugin files in the directories below the roots, and follows symbolic links. A directory that can be
// reached in several ways is looked at once, by the first path, so that a link to a parent ends nothing but itself.
// Names that begin with ".." are left out: Kubernetes keeps the versions of a mounted volume in such directories, and
// links to their files beside them.
func walk(roots []string) found {
	w := walker{seen: map[string]struct{}{}, out: found{unreadable: map[string]error{}}}
	for _, root := range roots {
		w.directory(root)
	}
	slices.Sort(w.out.files)
	w.out.files = slices.Compact(w.out.files)
	return w.out
}

type walker struct {
	seen map[string]struct{} // real paths of directories
	out  found
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
	w.out.dirs = append(w.out.dirs, path)
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
	case strings.HasSuffix(path, pluginSuffix):
		w.out.files = append(w.out.files, path)
	}
}

// hidden says whether path lies in a directory that could not be read.
func (f *found) hidden(path string) bool {
	for dir := range f.unreadable {
		if path == dir || strings.HasPrefix(path, dir+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// err names the directories that could not be read.
func (f *found) err() error {
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(f.unreadable)) {
		errs = append(errs, f.unreadable[dir])
	}
	return errors.Join(errs...)
}

// maxLinks is how many symbolic links a path may lead over, as in Linux.
const maxLinks = 40

// links returns the directory entries by which path is found: path itself, and every symbolic link on the way. When
// one of them is replaced, path means something else, and only its directory tells.
func links(path string) []string {
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
