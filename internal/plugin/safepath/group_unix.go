//go:build unix

package safepath

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
)

// nobodyIn says whether the files of users and groups (passwd(5), group(5)) know a group and no member of it, as Debian's
// staff, which may write /usr/local there. Members that only a directory service adds to such a group are not known.
func nobodyIn(gid uint32) bool {
	groups, err := os.Open("/etc/group")
	if err != nil {
		return false
	}
	defer groups.Close()
	users, err := os.Open("/etc/passwd")
	if err != nil {
		return false
	}
	defer users.Close()
	return withoutMembers(groups, users, gid)
}

// withoutMembers is nobodyIn for the text of the two files.
func withoutMembers(groups, users io.Reader, gid uint32) bool {
	const (
		number = 2 // of the group, in a line of a group
		names  = 3 // of the members
		main   = 3 // group of a user, in a line of a user
	)
	id := strconv.FormatUint(uint64(gid), 10)
	known := false
	for lines := bufio.NewScanner(groups); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) <= names || fields[number] != id {
			continue
		}
		if known = true; strings.TrimSpace(fields[names]) != "" {
			return false
		}
	}
	for lines := bufio.NewScanner(users); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) > main && fields[main] == id {
			return false
		}
	}
	return known
}
