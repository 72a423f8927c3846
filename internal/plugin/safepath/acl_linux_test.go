package safepath

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

type aclLine struct {
	tag, rights uint16
	id          uint32
}

// attribute is the list as Linux keeps it.
func attribute(lines ...aclLine) []byte {
	list := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, l := range lines {
		list = binary.LittleEndian.AppendUint16(list, l.tag)
		list = binary.LittleEndian.AppendUint16(list, l.rights)
		list = binary.LittleEndian.AppendUint32(list, l.id)
	}
	return list
}

const (
	tagOwner = 0x01
	tagOther = 0x20
	noID     = 0xffffffff
)

func TestWhoMayWriteByAccessControlLists(t *testing.T) {
	t.Parallel()
	me := user{uid: 1000, groups: []int{0, 1000, 20}}
	owner, other := aclLine{tagOwner, 7, noID}, aclLine{tagOther, 5, noID}
	for _, c := range []struct {
		name string
		list []aclLine
		gid  uint32
		fix  string
	}{
		{"readers", []aclLine{{aclUser, 5, 1001}, {aclGroup, 5, 50}, {aclMask, 5, noID}}, 50, ""},
		{"another user", []aclLine{{aclUser, 7, 1001}, {aclOwnGroup, 5, noID}, {aclMask, 7, noID}}, 50, "setfacl -x u:1001"},
		{"ourselves", []aclLine{{aclUser, 7, 1000}, {aclOwnGroup, 5, noID}, {aclMask, 7, noID}}, 50, ""},
		{"root", []aclLine{{aclUser, 7, 0}, {aclOwnGroup, 5, noID}, {aclMask, 7, noID}}, 50, ""},
		{"another group", []aclLine{{aclOwnGroup, 5, noID}, {aclGroup, 6, 51}, {aclMask, 7, noID}}, 20, "setfacl -x g:51"},
		{"a group of ours", []aclLine{{aclOwnGroup, 5, noID}, {aclGroup, 6, 20}, {aclMask, 7, noID}}, 50, ""},
		{"the file's group", []aclLine{{aclOwnGroup, 7, noID}, {aclMask, 7, noID}}, 50, "setfacl -m g::rx"},
		{"the file's group is ours", []aclLine{{aclOwnGroup, 7, noID}, {aclMask, 7, noID}}, 20, ""},
		{"masked", []aclLine{{aclUser, 7, 1001}, {aclOwnGroup, 7, noID}, {aclGroup, 7, 51}, {aclMask, 5, noID}}, 50, ""},
	} {
		list := attribute(append(append([]aclLine{owner}, c.list...), other)...)
		what, fix, err := me.listed(list, c.gid)
		require.NoError(t, err, c.name)
		assert.Equal(t, c.fix, fix, c.name)
		assert.Equal(t, fix == "", what == "", c.name)
	}
	for _, list := range []string{"", "\x02\x00\x00", "\x03\x00\x00\x00", "\x02\x00\x00\x00\x01"} {
		_, _, err := me.listed([]byte(list), 0)
		assert.Error(t, err, "%q", list)
	}
}

func TestAccessControlListOnDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "check")
	require.NoError(t, os.WriteFile(path, nil, 0o700))
	list := attribute(aclLine{tagOwner, 7, noID}, aclLine{aclUser, 6, 4321}, aclLine{aclOwnGroup, 0, noID}, aclLine{aclMask, 6, noID},
		aclLine{tagOther, 0, noID})
	if err := unix.Setxattr(path, aclAttribute, list, 0); err != nil {
		require.ErrorIs(t, err, unix.ENOTSUP)
		t.Skip("the file system of temporary files keeps no access control lists")
	}
	err := Check(path)
	require.ErrorIs(t, err, ErrUnsafe)
	require.ErrorContains(t, err, `can be written by user 4321, as its access control list says`)
	require.ErrorContains(t, err, "setfacl -x u:4321 "+path)
	require.NoError(t, unix.Removexattr(path, aclAttribute))
	require.NoError(t, os.Chmod(path, 0o700))
	require.NoError(t, Check(path))
}

func TestGroupsWithoutMembers(t *testing.T) {
	t.Parallel()
	const (
		groups = "root:x:0:\nstaff:x:50:\nops:x:51:eve,adam\nmain:x:1001:\nbroken\n"
		users  = "root:x:0:0:root:/root:/bin/sh\neve:x:1001:1001::/home/eve:/bin/sh\nbroken\n"
	)
	for gid, want := range map[uint32]bool{50: true, 51: false, 1001: false, 0: false, 99: false} {
		assert.Equal(t, want, withoutMembers(strings.NewReader(groups), strings.NewReader(users), gid), gid)
	}
}
