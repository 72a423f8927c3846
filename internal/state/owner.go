package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// whose says more of an error for a file in the folder dir that may not be opened: whose it is, as whom the Collector runs,
// and the remedy. It returns other errors as they are.
func whose(dir string, err error) error {
	var at *fs.PathError
	if !errors.As(err, &at) || !errors.Is(err, fs.ErrPermission) || filepath.Dir(at.Path) != filepath.Clean(dir) {
		return err
	}
	// What is not there, or cannot be seen, is the fault of its folder.
	path := at.Path
	info, e := os.Stat(path)
	for e != nil && filepath.Dir(path) != path {
		path = filepath.Dir(path)
		info, e = os.Stat(path)
	}
	if e != nil {
		return err
	}
	owner, ok := ownerOf(info)
	us := os.Geteuid()
	fix := fmt.Sprintf("chown -R %d %s", us, filepath.Clean(dir))
	switch {
	case !ok:
		return fmt.Errorf("%w: let the user that the Collector runs as read and write %q", err, path)
	case owner == us:
		fix = "chmod u+rwX " + path
	}
	return fmt.Errorf("%w: %q belongs to user %d (mode %s), and the Collector runs as user %d: run %q", err, path, owner, info.Mode(), us, fix)
}
