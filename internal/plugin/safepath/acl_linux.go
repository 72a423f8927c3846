package safepath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// The form of an access control list in the extended attribute of Linux (acl(5), linux/posix_acl_xattr.h): a version, then
// entries of a tag, rights and the number of a user or group.
const (
	aclAttribute = "system.posix_acl_access"
	aclVersion   = 2
	aclHead      = 4
	aclEntry     = 8
	aclUser      = 0x02
	aclOwnGroup  = 0x04
	aclGroup     = 0x08
	aclMask      = 0x10
	aclWrite     = 0x02
	// maxACL is more than any file system keeps.
	maxACL = 64 << 10
)

// accessList is who may write by the access control list of path. listed says that there is one: the bits of the group in
// the mode are its mask then, and say nothing of the group.
func (u user) accessList(path string, gid uint32) (what, fix string, listed bool, err error) {
	n, err := unix.Getxattr(path, aclAttribute, nil)
	text := make([]byte, min(max(n, 0), maxACL))
	if len(text) > 0 {
		n, err = unix.Getxattr(path, aclAttribute, text)
	}
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return "", "", false, nil
	case err != nil:
		return "", "", false, fmt.Errorf("read the access control list of %q: %w", path, err)
	}
	what, fix, err = u.listed(text[:n], gid)
	if err != nil {
		err = fmt.Errorf("access control list of %q: %w", path, err)
	}
	return what, fix, true, err
}

// listed is accessList for the value of the attribute.
func (u user) listed(list []byte, gid uint32) (what, fix string, err error) {
	le := binary.LittleEndian
	if len(list) < aclHead || (len(list)-aclHead)%aclEntry != 0 || le.Uint32(list) != aclVersion {
		return "", "", errors.New("it has an unknown form")
	}
	mask := uint16(aclWrite)
	entries := slices.Collect(slices.Chunk(list[aclHead:], aclEntry))
	for _, e := range entries {
		if le.Uint16(e) == aclMask {
			mask = le.Uint16(e[2:])
		}
	}
	for _, e := range entries {
		if le.Uint16(e[2:])&mask&aclWrite == 0 {
			continue
		}
		id := le.Uint32(e[4:])
		switch le.Uint16(e) {
		case aclUser:
			if id != 0 && id != u.uid {
				return fmt.Sprintf("can be written by user %d, as its access control list says", id), fmt.Sprintf("setfacl -x u:%d", id), nil
			}
		case aclGroup:
			if !slices.Contains(u.groups, int(id)) {
				return fmt.Sprintf("can be written by group %d, as its access control list says", id), fmt.Sprintf("setfacl -x g:%d", id), nil
			}
		case aclOwnGroup:
			if !slices.Contains(u.groups, int(gid)) {
				return groupWrites, "setfacl -m g::rx", nil
			}
		}
	}
	return "", "", nil
}
