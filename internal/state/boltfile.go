package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The format of bbolt's files, version 2: pages of one size, the first two of which are heads that take turns; the
// younger one that is whole counts. It names the root of a tree of pages. A page has a number, a kind, how many elements it
// has, and how many further pages it takes (overflow).
const (
	boltMagic     = 0xED0CDAED
	boltVersion   = 2
	pageHead      = 16
	headSize      = 64 // of which the last eight bytes are the checksum
	elementSize   = 16
	bucketHead    = 16
	minPage       = 1 << 10
	maxPage       = 64 << 10
	pageBranch    = 1
	pageLeaf      = 2
	elementBucket = 1
	// maxBoltDepth is deeper than any tree that fits on a disk.
	maxBoltDepth = 64
)

// boltFile reads a file of bbolt, to tell whether the library can open it: that panics over many kinds of damage, at times
// in a goroutine of its own, which ends the process.
type boltFile struct {
	file     io.ReaderAt
	pageSize int64
	pages    uint64 // of the file, as its head says
	seen     map[uint64]struct{}
}

// checkBolt says what is wrong with a file of this size; nil for one that bbolt can open, and for an empty one.
func checkBolt(file io.ReaderAt, size int64) error {
	if size == 0 {
		return nil
	}
	f := &boltFile{file: file, seen: map[uint64]struct{}{0: {}, 1: {}}}
	root, err := f.readHeads(size)
	if err != nil {
		return err
	}
	_, err = f.checkPage(root, keyRange{}, 0)
	return err
}

// keyRange is what the keys of a page must be in: not below least, and below end, unless that is nil.
type keyRange struct{ least, end []byte }

// boltHead is what one of the first two pages says.
type boltHead struct {
	pageSize          int64
	root, pages, turn uint64
}

func (f *boltFile) readHeads(size int64) (root uint64, err error) {
	first, err := f.readHead(0)
	best := first
	// Where the first head is damaged, the size of a page is not known.
	for at := int64(minPage); at <= maxPage; at *= 2 {
		if first != nil && first.pageSize != at {
			continue
		}
		second, e := f.readHead(at)
		if e == nil && second.pageSize == at && (best == nil || second.turn > best.turn) {
			best = second
		}
	}
	if best == nil {
		return 0, fmt.Errorf("neither head is whole: %w", err)
	}
	f.pageSize, f.pages = best.pageSize, best.pages
	if have := uint64(size / f.pageSize); have < f.pages {
		return 0, fmt.Errorf("it was cut off: %d of %d pages are there", have, f.pages)
	}
	return best.root, nil
}

func (f *boltFile) readHead(at int64) (*boltHead, error) {
	var b [pageHead + headSize]byte
	if _, err := f.file.ReadAt(b[:], at); err != nil {
		return nil, err
	}
	m := b[pageHead:]
	sum := fnv.New64a()
	_, _ = sum.Write(m[:headSize-8])
	le := binary.LittleEndian
	h := &boltHead{pageSize: int64(le.Uint32(m[8:])), root: le.Uint64(m[16:]), pages: le.Uint64(m[40:]), turn: le.Uint64(m[48:])}
	switch {
	case le.Uint32(m) != boltMagic:
		return nil, errors.New("it is no file of this kind")
	case le.Uint32(m[4:]) != boltVersion:
		return nil, fmt.Errorf("it has version %d, %d is known", le.Uint32(m[4:]), boltVersion)
	case le.Uint64(m[headSize-8:]) != sum.Sum64():
		return nil, errors.New("the checksum of its head is wrong")
	case h.pageSize < minPage || h.pageSize > maxPage:
		return nil, fmt.Errorf("its pages have %d bytes", h.pageSize)
	}
	return h, nil
}

// checkPage checks a page and all below it, and returns its last key.
func (f *boltFile) checkPage(number uint64, keys keyRange, depth int) ([]byte, error) {
	bad := func(format string, args ...any) ([]byte, error) {
		return nil, fmt.Errorf("page %d: %s", number, fmt.Sprintf(format, args...))
	}
	if _, again := f.seen[number]; again {
		return bad("it is used twice")
	}
	if number >= f.pages || depth > maxBoltDepth {
		return bad("there is no such page")
	}
	page := make([]byte, f.pageSize)
	if _, err := f.file.ReadAt(page, int64(number)*f.pageSize); err != nil {
		return bad("%v", err)
	}
	le := binary.LittleEndian
	overflow := uint64(le.Uint32(page[12:]))
	if le.Uint64(page) != number || overflow >= f.pages || number+overflow >= f.pages {
		return bad("its head is wrong")
	}
	for n := number; n <= number+overflow; n++ {
		f.seen[n] = struct{}{}
	}
	if overflow > 0 {
		page = make([]byte, int64(1+overflow)*f.pageSize)
		if _, err := f.file.ReadAt(page, int64(number)*f.pageSize); err != nil {
			return bad("%v", err)
		}
	}
	last, err := f.checkElements(page, keys, depth)
	if err != nil {
		return bad("%v", err)
	}
	return last, nil
}

// checkElements checks the elements of a page, or of one that lies in the value of another, and returns the last key.
func (f *boltFile) checkElements(page []byte, keys keyRange, depth int) ([]byte, error) {
	le := binary.LittleEndian
	kind, count := le.Uint16(page[8:]), int(le.Uint16(page[10:]))
	if kind != pageBranch && kind != pageLeaf {
		return nil, fmt.Errorf("it is of the unknown kind %d", kind)
	}
	if pageHead+count*elementSize > len(page) {
		return nil, fmt.Errorf("it cannot have %d elements", count)
	}
	last := keys.least
	for i := range count {
		key, value, err := readElement(page, kind, i)
		if err != nil {
			return nil, err
		}
		if c := bytes.Compare(key, last); c < 0 || c == 0 && i > 0 || keys.end != nil && bytes.Compare(key, keys.end) >= 0 {
			return nil, fmt.Errorf("element %d is out of order", i)
		}
		last = key
		element := page[pageHead+i*elementSize:]
		switch {
		case kind == pageBranch:
			below := keyRange{least: key, end: keys.end}
			if i+1 < count {
				if below.end, _, err = readElement(page, kind, i+1); err != nil {
					return nil, err
				}
			}
			last, err = f.checkPage(le.Uint64(element[8:]), below, depth+1)
		case le.Uint32(element)&elementBucket != 0:
			err = f.checkBucket(value, depth)
		}
		if err != nil {
			return nil, err
		}
	}
	return last, nil
}

// readElement returns the key of an element, and in a leaf its value.
func readElement(page []byte, kind uint16, i int) (key, value []byte, err error) {
	le := binary.LittleEndian
	element := page[pageHead+i*elementSize:]
	keyAt, keySize, valueSize := uint64(le.Uint32(element)), uint64(le.Uint32(element[4:])), uint64(0)
	if kind == pageLeaf {
		keyAt, keySize, valueSize = keySize, uint64(le.Uint32(element[8:])), uint64(le.Uint32(element[12:]))
	}
	if keyAt+keySize+valueSize > uint64(len(element)) {
		return nil, nil, fmt.Errorf("element %d goes beyond it", i)
	}
	return element[keyAt : keyAt+keySize], element[keyAt+keySize : keyAt+keySize+valueSize], nil
}

// checkBucket checks a bucket by the value that stands for it: a page of its own, or one within the value.
func (f *boltFile) checkBucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return errors.New("a bucket is cut off")
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		_, err := f.checkPage(root, keyRange{}, depth+1)
		return err
	}
	if len(value) < bucketHead+pageHead || depth > maxBoltDepth {
		return errors.New("a bucket is cut off")
	}
	_, err := f.checkElements(value[bucketHead:], keyRange{}, depth+1)
	return err
}
