package plugindir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// keepDiscarded is how long a copy of a module stays after the last run that uses it must have ended: nobody waits
// for the place, and a run may begin late.
const keepDiscarded = time.Minute

// filesOf are the files of a copy, without those that an interpreter compiled.
func filesOf(dir string) (files []string) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what is gone is not counted
		case e.IsDir() && e.Name() == "__pycache__":
			return fs.SkipDir
		case !e.IsDir():
			files = append(files, path)
		}
		return nil
	})
	return files
}

// copyIsWhole says whether nobody took files away from the copy that the plugin runs from.
func (f *pluginFile) copyIsWhole() bool {
	return !slices.ContainsFunc(f.copied, func(file string) bool {
		_, err := os.Lstat(file)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// discarded is a copy that new runs do not use.
type discarded struct {
	dir   string
	until time.Time
}

// discard marks all copies of a plugin as no longer needed, but the last keep ones. Runs under way may still read them:
// a package can import parts of itself late.
func (p *Plugins) discard(f *pluginFile, keep int) {
	until := time.Now().Add(keepDiscarded)
	if f.good != nil {
		until = until.Add(f.good.Deadline)
	}
	for len(f.copies) > keep {
		p.discarded = append(p.discarded, discarded{f.copies[0], until})
		f.copies = f.copies[1:]
	}
}

// sweep removes copies that no run can be using any more. What it cannot remove goes in the end.
func (p *Plugins) sweep(now time.Time) {
	p.discarded = slices.DeleteFunc(p.discarded, func(d discarded) bool {
		if now.Before(d.until) {
			return false
		}
		_ = os.RemoveAll(d.dir)
		return true
	})
}
