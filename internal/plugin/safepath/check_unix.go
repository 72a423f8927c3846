//go:build unix

package safepath

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxSymlinks is how many symbolic links a path may lead over, as in Linux.
const maxSymlinks = 40

// Check makes sure that no user other than root or ours can replace what path names: it walks from the root to
// the file, over symbolic links, and looks at the owner and the mode of every component. The contents run with our
// rights, so who can write any of these could do what we may do.
func Check(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	me := currentUser()
	at := string(filepath.Separator)
	todo := components(abs)
	links := 0
	if err := me.checkComponent(at); err != nil {
		return err
	}
	for len(todo) > 0 {
		next := filepath.Join(at, todo[0])
		todo = todo[1:]
		if err := me.checkComponent(next); err != nil {
			return err
		}
		target, err := os.Readlink(next)
		if err != nil { // no link
			at = next
			continue
		}
		if links++; links > maxSymlinks {
			return fmt.Errorf("%q leads over more than %d symbolic links", path, maxSymlinks)
		}
		if filepath.IsAbs(target) {
			at = string(filepath.Separator)
		}
		todo = append(components(target), todo...)
	}
	return nil
}

// components splits a path; "." and empty ones are left out, ".." stays: after a link it is not what it looks.
func components(path string) []string {
	parts := strings.Split(path, string(filepath.Separator))
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" || s == "." })
}

// user is who we are, as far as the rights on files go.
type user struct {
	uid    uint32
	groups []int
}

// currentUser reads who we are. The groups of ours are root's, the effective one and all supplementary ones: the
// operator put us in them, as Kubernetes does with fsGroup.
func currentUser() user {
	groups, _ := os.Getgroups() // without it only the effective group counts
	return user{uid: uint32(os.Geteuid()), groups: append(groups, 0, os.Getegid())}
}

func (u user) checkComponent(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("cannot tell the owner of %q", path)
	}
	mode, what, fix := info.Mode(), "", ""
	if means(mode) {
		var listed bool
		if what, fix, listed, err = u.accessList(path, stat.Gid); err != nil {
			return err
		}
		if listed {
			mode &^= groupWrite
		}
	}
	if what == "" {
		what, fix = u.problem(mode, stat.Uid, stat.Gid)
	}
	if what == groupWrites && nobodyIn(stat.Gid) {
		what = ""
	}
	if what == "" || ReadOnly(path) {
		return nil
	}
	return fmt.Errorf("%w: %q (mode %s, owner %d, group %d) %s, and plugins run with our rights: run %q, or mount it read-only",
		ErrUnsafe, path, info.Mode(), stat.Uid, stat.Gid, what, fix+" "+path)
}

const (
	groupWrite  = 0o020
	groupWrites = "can be written by a group that is not ours"
)

// means says whether the rights to write a component mean that it can be replaced. Those of a link mean nothing, and in a
// sticky directory only the owner of an entry can replace it, and the entry itself is checked next.
func means(mode fs.FileMode) bool {
	return mode&fs.ModeSymlink == 0 && (!mode.IsDir() || mode&fs.ModeSticky == 0)
}

// problem says who else could replace a component of that mode and owner, and the command that fixes it; "" if nobody
// could.
func (u user) problem(mode fs.FileMode, uid, gid uint32) (what, fix string) {
	perm := mode.Perm()
	switch {
	case uid != 0 && uid != u.uid:
		return "belongs to another user", fmt.Sprintf("chown %d", u.uid)
	case !means(mode):
		return "", ""
	case perm&0o002 != 0:
		return "can be written by every user", "chmod o-w"
	case perm&groupWrite != 0 && !slices.Contains(u.groups, int(gid)):
		return groupWrites, "chmod g-w"
	}
	return "", ""
}
