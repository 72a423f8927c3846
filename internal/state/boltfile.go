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
	pageFree      = 16
	elementBucket = 1
	noFreeList    = 1<<64 - 1
	// bucketName is the bucket that file_storage keeps everything in.
	bucketName = "default"
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
	bucket   bool // the one of file_storage is there
}

// checkBolt says what is wrong with a file of this size; nil for one that file_storage can use, and for an empty one.
func checkBolt(file io.ReaderAt, size int64) error {
	if size == 0 {
		return nil
	}
	f := &boltFile{file: file, seen: map[uint64]struct{}{0: {}, 1: {}}}
	head, err := f.readHeads(size)
	if err != nil {
		return err
	}
	if _, err = f.checkPage(head.root, keyRange{}, 0, true); err != nil {
		return err
	}
	// The first two turns are those of a file that was just made.
	if !f.bucket && head.turn > 1 {
		return fmt.Errorf("the bucket %q is missing", bucketName)
	}
	if head.free != noFreeList {
		return f.checkFreeList(head.free)
	}
	return nil
}

// keyRange is what the keys of a page must be in: not below least, and below end, unless that is nil.
type keyRange struct{ least, end []byte }

// boltHead is what one of the first two pages says.
type boltHead struct {
	pageSize                int64
	root, free, pages, turn uint64
}

func (f *boltFile) readHeads(size int64) (*boltHead, error) {
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
		return nil, fmt.Errorf("neither head is whole: %w", err)
	}
	f.pageSize, f.pages = best.pageSize, best.pages
	if have := uint64(size / f.pageSize); have < f.pages {
		return nil, fmt.Errorf("it was cut off: %d of %d pages are there", have, f.pages)
	}
	return best, nil
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
	h := &boltHead{
		pageSize: int64(le.Uint32(m[8:])), root: le.Uint64(m[16:]), free: le.Uint64(m[32:]), pages: le.Uint64(m[40:]), turn: le.Uint64(m[48:]),
	}
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

// readPage returns a page with those that it overflows into; none of them may have been seen.
func (f *boltFile) readPage(number uint64) ([]byte, error) {
	if number >= f.pages {
		return nil, errors.New("there is no such page")
	}
	page := make([]byte, f.pageSize)
	if _, err := f.file.ReadAt(page, int64(number)*f.pageSize); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	overflow := uint64(le.Uint32(page[12:]))
	if le.Uint64(page) != number || overflow >= f.pages || number+overflow >= f.pages {
		return nil, errors.New("its head is wrong")
	}
	for n := number; n <= number+overflow; n++ {
		if _, again := f.seen[n]; again {
			return nil, fmt.Errorf("page %d is used twice", n)
		}
		f.seen[n] = struct{}{}
	}
	if overflow > 0 {
		page = make([]byte, int64(1+overflow)*f.pageSize)
		if _, err := f.file.ReadAt(page, int64(number)*f.pageSize); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// checkPage checks a page and all below it, and returns its last key. Those of the root have buckets, others have values.
func (f *boltFile) checkPage(number uint64, keys keyRange, depth int, ofRoot bool) ([]byte, error) {
	if depth > maxBoltDepth {
		return nil, fmt.Errorf("page %d: it is too deep", number)
	}
	page, err := f.readPage(number)
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", number, err)
	}
	last, _, err := f.checkElements(page, keys, depth, ofRoot)
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", number, err)
	}
	return last, nil
}

// checkElements checks the elements of a page, or of one that lies in the value of another. It returns the last key, and where
// the last element ends.
func (f *boltFile) checkElements(page []byte, keys keyRange, depth int, ofRoot bool) (last []byte, end int, err error) {
	le := binary.LittleEndian
	kind, count := le.Uint16(page[8:]), int(le.Uint16(page[10:]))
	if kind != pageBranch && kind != pageLeaf {
		return nil, 0, fmt.Errorf("it is of the unknown kind %d", kind)
	}
	end = pageHead + count*elementSize
	if end > len(page) || kind == pageBranch && count == 0 {
		return nil, 0, fmt.Errorf("it cannot have %d elements", count)
	}
	last = keys.least
	for i := range count {
		key, value, err := readElement(page, kind, i, end)
		if err != nil {
			return nil, 0, err
		}
		end += len(key) + len(value)
		if c := bytes.Compare(key, last); c < 0 || c == 0 && i > 0 || keys.end != nil && bytes.Compare(key, keys.end) >= 0 {
			return nil, 0, fmt.Errorf("element %d is out of order", i)
		}
		last = key
		element := page[pageHead+i*elementSize:]
		if kind == pageBranch {
			below := keyRange{least: key, end: keys.end}
			if i+1 < count {
				if below.end, _, err = readElement(page, kind, i+1, end); err != nil {
					return nil, 0, err
				}
			}
			last, err = f.checkPage(le.Uint64(element[8:]), below, depth+1, ofRoot)
		} else {
			err = f.checkValue(key, value, le.Uint32(element), depth, ofRoot)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return last, end, nil
}

// readElement returns the key of an element, and in a leaf its value. They are at this place of the page: bbolt puts one behind the
// other.
func readElement(page []byte, kind uint16, i, at int) (key, value []byte, err error) {
	le := binary.LittleEndian
	element := page[pageHead+i*elementSize:]
	keyAt, keySize, valueSize := uint64(le.Uint32(element)), uint64(le.Uint32(element[4:])), uint64(0)
	if kind == pageLeaf {
		keyAt, keySize, valueSize = keySize, uint64(le.Uint32(element[8:])), uint64(le.Uint32(element[12:]))
	}
	switch {
	case keyAt+keySize+valueSize > uint64(len(element)):
		return nil, nil, fmt.Errorf("element %d goes beyond it", i)
	case keyAt != uint64(at-pageHead-i*elementSize):
		return nil, nil, fmt.Errorf("element %d does not follow the one before", i)
	case keySize == 0:
		return nil, nil, fmt.Errorf("element %d has no key", i)
	}
	return element[keyAt : keyAt+keySize], element[keyAt+keySize : keyAt+keySize+valueSize], nil
}

// checkValue checks what an element of a leaf has besides its key: file_storage has buckets in the root, and none in those.
func (f *boltFile) checkValue(key, value []byte, flags uint32, depth int, ofRoot bool) error {
	switch {
	case !ofRoot && flags != 0:
		return fmt.Errorf("the element %q has the flags %#x, and has a value", key, flags)
	case !ofRoot:
		return nil
	case flags != elementBucket:
		return fmt.Errorf("the element %q of the root has the flags %#x, and is no bucket", key, flags)
	}
	f.bucket = f.bucket || string(key) == bucketName
	return f.checkBucket(value, depth)
}

// checkBucket checks a bucket by the value that stands for it: a page of its own, or a leaf within the value.
func (f *boltFile) checkBucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return errors.New("a bucket is cut off")
	}
	le := binary.LittleEndian
	if root := le.Uint64(value); root != 0 {
		if len(value) != bucketHead {
			return errors.New("a bucket has a page of its own, and one within")
		}
		_, err := f.checkPage(root, keyRange{}, depth+1, false)
		return err
	}
	page := value[bucketHead:]
	if len(page) < pageHead || depth > maxBoltDepth {
		return errors.New("a bucket is cut off")
	}
	if le.Uint64(page) != 0 || le.Uint16(page[8:]) != pageLeaf || le.Uint32(page[12:]) != 0 {
		return errors.New("the head of a bucket is wrong")
	}
	_, end, err := f.checkElements(page, keyRange{}, depth+1, false)
	if err == nil && end != len(page) {
		err = errors.New("a bucket has another size than its elements")
	}
	return err
}

// checkFreeList checks the list of free pages. file_storage writes none; tools of bbolt do.
func (f *boltFile) checkFreeList(number uint64) error {
	page, err := f.readPage(number)
	if err != nil {
		return fmt.Errorf("page %d: %w", number, err)
	}
	le := binary.LittleEndian
	count, numbers := uint64(le.Uint16(page[10:])), page[pageHead:]
	if count == 0xFFFF { // more than fit in there
		count, numbers = le.Uint64(numbers), numbers[8:]
	}
	if le.Uint16(page[8:]) != pageFree || count > uint64(len(numbers)/8) {
		return fmt.Errorf("page %d: it is no list of free pages", number)
	}
	for i := range count {
		free := le.Uint64(numbers[i*8:])
		if _, used := f.seen[free]; used || free >= f.pages {
			return fmt.Errorf("page %d: page %d cannot be free", number, free)
		}
		f.seen[free] = struct{}{}
	}
	return nil
}
