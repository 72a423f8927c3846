package state

import (
	"encoding/binary"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sparse is a file of 4 GiB that has zeros after its beginning.
type sparse []byte

const (
	sparsePage  = 4 << 10
	sparsePages = 1 << 20
)

func (s sparse) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(s)) {
		copy(b, s[at:])
	}
	return len(b), nil
}

// newSparse is a file whose root says that it goes over all other pages, and has one element with a key of this size, unless that is 0.
func newSparse(keySize uint32) sparse {
	s := make(sparse, 3*sparsePage)
	le := binary.LittleEndian
	m := s[pageHead:]
	le.PutUint32(m, boltMagic)
	le.PutUint32(m[4:], boltVersion)
	le.PutUint32(m[8:], sparsePage)
	le.PutUint64(m[16:], 2)
	le.PutUint64(m[32:], noFreeList)
	le.PutUint64(m[40:], sparsePages)
	sum := fnv.New64a()
	_, _ = sum.Write(m[:headSize-8])
	le.PutUint64(m[headSize-8:], sum.Sum64())
	root := s[2*sparsePage:]
	le.PutUint64(root, 2)
	le.PutUint16(root[8:], pageLeaf)
	le.PutUint32(root[12:], sparsePages-4)
	if keySize > 0 {
		le.PutUint16(root[10:], 1)
		le.PutUint32(root[pageHead+4:], elementSize)
		le.PutUint32(root[pageHead+8:], keySize)
	}
	return s
}

// TestLargeDamage: a file is checked with little memory, whatever sizes its pages claim.
func TestLargeDamage(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, checkBolt(newSparse(0), sparsePage*sparsePages))
	require.EqualError(t, checkBolt(newSparse(3<<30), sparsePage*sparsePages), "page 2: element 0 has a key of 3221225472 bytes")
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
}

// A link that leads nowhere is no storage file; an error of the disk is no damage of the file.
func TestHealLooksAtTheError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nowhere, circle, file := filepath.Join(dir, "receiver_a_"), filepath.Join(dir, "receiver_b_"), filepath.Join(dir, "file")
	require.NoError(t, os.Symlink(filepath.Join(dir, "gone"), nowhere))
	require.NoError(t, os.Symlink(circle, circle))
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	require.ErrorContains(t, heal(nowhere), "is put aside as")
	require.ErrorContains(t, heal(circle), "is put aside as")
	require.NoError(t, heal(filepath.Join(file, "receiver_c_")), "not a directory")
}
