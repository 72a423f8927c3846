// Package scratch makes folders for what a process needs on disk while it lives, such as copies of plugins.
//
// They lie in the folder that systemd names in STATE_DIRECTORY, else in that of temporary files. Each is locked by its process:
// what cleans temporary files up by their age leaves folders alone that are locked (systemd-tmpfiles does), and the next process
// removes those of processes that were killed.
package scratch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// settled is how old a folder is at least that nobody holds for a process that was killed: a younger one may be about to be locked.
const settled = time.Minute

// Folder is a folder of this process.
type Folder struct {
	// Path is where it is.
	Path string
	lock *os.File
}

// Make makes a folder whose name begins with a prefix that nothing else uses, and removes those of the prefix whose processes were
// killed. Programs can be run from there, where there is a place for that at all. Where other users must get there (shared), it lies
// among temporary files: the folder of state is mostly for its owner alone.
func Make(prefix string, shared bool) (*Folder, error) {
	var errs []error
	for _, parent := range parents(shared) {
		path, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f := &Folder{Path: path}
		if f.lock, err = os.Open(path); err != nil {
			return nil, errors.Join(err, os.RemoveAll(path))
		}
		safefile.Lock(f.lock) // nobody else knows the folder
		sweep(parent, prefix)
		return f, nil
	}
	return nil, errors.Join(errs...)
}

// parents are the folders to try, in turn.
func parents(shared bool) []string {
	state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	if shared || !filepath.IsAbs(state) || safepath.NoExec(state) || safepath.Check(state) != nil {
		return []string{""}
	}
	return []string{state, ""}
}

// Close removes the folder.
func (f *Folder) Close() error {
	return errors.Join(os.RemoveAll(f.Path), f.lock.Close())
}

// sweep removes the folders of killed processes. What cannot be removed stays.
func sweep(parent, prefix string) {
	if parent == "" {
		parent = os.TempDir()
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
			remove(filepath.Join(parent, e.Name()))
		}
	}
}

func remove(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe may have taken its place
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.IsDir() && ours(info) && time.Since(info.ModTime()) > settled && safefile.Lock(f) {
		_ = os.RemoveAll(path)
	}
}
