package state

import (
	"bufio"
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
	// maxKey is the longest key that bbolt takes.
	maxKey = 32 << 10
)

// boltFile reads a file of bbolt, to tell whether the library can open it: that panics over many kinds of damage, at times
// in a goroutine of its own, which ends the process.
type boltFile struct {
	file     io.ReaderAt
	pageSize int64
	pages    uint64   // of the file, as its head says
	seen     []uint64 // a bit for each page
	bucket   bool     // the one of file_storage is there
}

// checkBolt says what is wrong with a file of this size; nil for one that file_storage can use. It would take an empty one for
// a new one, but those that it makes are never empty for long.
func checkBolt(file io.ReaderAt, size int64) error {
	if size == 0 {
		return errors.New("it is empty, as after a power loss")
	}
	f := &boltFile{file: file}
	head, err := f.readHeads(size)
	if err != nil {
		return err
	}
	f.seen = make([]uint64, f.pages/64+1)
	f.see(0)
	f.see(1)
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

// see notes that a page is in use, and says whether it was before.
func (f *boltFile) see(page uint64) (again bool) {
	word, bit := &f.seen[page/64], uint64(1)<<(page%64)
	again = *word&bit != 0
	*word |= bit
	return again
}

// boltPage is a page with those that it overflows into. Of these no more is read than is looked at: values can be large, and what
// says how large may be damaged.
type boltPage struct {
	io.ReaderAt
	size  int64
	start []byte // of it
}

// read returns n bytes of the page from a place on, which are within it.
func (p *boltPage) read(at, n int64) ([]byte, error) {
	if at+n <= int64(len(p.start)) {
		return p.start[at : at+n], nil
	}
	b := make([]byte, n)
	_, err := p.ReadAt(b, at)
	return b, err
}

// readPage returns a page, of which none may have been seen.
func (f *boltFile) readPage(number uint64) (*boltPage, error) {
	if number >= f.pages {
		return nil, errors.New("there is no such page")
	}
	start, at := make([]byte, f.pageSize), int64(number)*f.pageSize
	if _, err := f.file.ReadAt(start, at); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	overflow := uint64(le.Uint32(start[12:]))
	if le.Uint64(start) != number || overflow >= f.pages || number+overflow >= f.pages {
		return nil, errors.New("its head is wrong")
	}
	for n := number; n <= number+overflow; n++ {
		if f.see(n) {
			return nil, fmt.Errorf("page %d is used twice", n)
		}
	}
	size := int64(1+overflow) * f.pageSize
	return &boltPage{io.NewSectionReader(f.file, at, size), size, start}, nil
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
func (f *boltFile) checkElements(page *boltPage, keys keyRange, depth int, ofRoot bool) (last []byte, end int64, err error) {
	le := binary.LittleEndian
	kind, count := le.Uint16(page.start[8:]), int(le.Uint16(page.start[10:]))
	if kind != pageBranch && kind != pageLeaf {
		return nil, 0, fmt.Errorf("it is of the unknown kind %d", kind)
	}
	end = int64(pageHead + count*elementSize)
	if end > page.size || kind == pageBranch && count == 0 {
		return nil, 0, fmt.Errorf("it cannot have %d elements", count)
	}
	table, err := page.read(0, end)
	if err != nil {
		return nil, 0, err
	}
	last = keys.least
	for i := range count {
		key, size, err := readElement(page, table, kind, i, end)
		if err != nil {
			return nil, 0, err
		}
		value := end + int64(len(key))
		end = value + size
		if c := bytes.Compare(key, last); c < 0 || c == 0 && i > 0 || keys.end != nil && bytes.Compare(key, keys.end) >= 0 {
			return nil, 0, fmt.Errorf("element %d is out of order", i)
		}
		last = key
		element := table[pageHead+i*elementSize:]
		if kind == pageBranch {
			below := keyRange{least: key, end: keys.end}
			if i+1 < count {
				if below.end, _, err = readElement(page, table, kind, i+1, end); err != nil {
					return nil, 0, err
				}
			}
			last, err = f.checkPage(le.Uint64(element[8:]), below, depth+1, ofRoot)
		} else {
			err = f.checkValue(page, key, value, size, le.Uint32(element), depth, ofRoot)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return last, end, nil
}

// readElement returns the key of an element, and in a leaf the size of its value. They are at this place of the page: bbolt puts one
// behind the other.
func readElement(page *boltPage, table []byte, kind uint16, i int, at int64) (key []byte, valueSize int64, err error) {
	le := binary.LittleEndian
	element := table[pageHead+i*elementSize:]
	keyAt, keySize := int64(le.Uint32(element)), int64(le.Uint32(element[4:]))
	if kind == pageLeaf {
		keyAt, keySize, valueSize = keySize, int64(le.Uint32(element[8:])), int64(le.Uint32(element[12:]))
	}
	switch {
	case keyAt != at-pageHead-int64(i)*elementSize:
		return nil, 0, fmt.Errorf("element %d does not follow the one before", i)
	case at+keySize+valueSize > page.size:
		return nil, 0, fmt.Errorf("element %d goes beyond it", i)
	case keySize == 0 || keySize > maxKey:
		return nil, 0, fmt.Errorf("element %d has a key of %d bytes", i, keySize)
	}
	key, err = page.read(at, keySize)
	return key, valueSize, err
}

// checkValue checks what an element of a leaf has besides its key: file_storage has buckets in the root, and none in those.
func (f *boltFile) checkValue(page *boltPage, key []byte, at, size int64, flags uint32, depth int, ofRoot bool) error {
	switch {
	case !ofRoot && flags != 0:
		return fmt.Errorf("the element %q has the flags %#x, and has a value", key, flags)
	case !ofRoot:
		return nil
	case flags != elementBucket:
		return fmt.Errorf("the element %q of the root has the flags %#x, and is no bucket", key, flags)
	case size > maxPage:
		return fmt.Errorf("the bucket %q has %d bytes", key, size)
	}
	value, err := page.read(at, size)
	if err != nil {
		return err
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
	_, end, err := f.checkElements(&boltPage{bytes.NewReader(page), int64(len(page)), page}, keyRange{}, depth+1, false)
	if err == nil && end != int64(len(page)) {
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
	count, at := uint64(le.Uint16(page.start[10:])), int64(pageHead)
	if count == 0xFFFF { // more than fit in there
		count, at = le.Uint64(page.start[pageHead:]), at+8
	}
	if le.Uint16(page.start[8:]) != pageFree || count > uint64((page.size-at)/8) {
		return fmt.Errorf("page %d: it is no list of free pages", number)
	}
	numbers := bufio.NewReader(io.NewSectionReader(page, at, page.size-at))
	for range count {
		var free uint64
		if err := binary.Read(numbers, le, &free); err != nil {
			return fmt.Errorf("page %d: %w", number, err)
		}
		if free >= f.pages || f.see(free) {
			return fmt.Errorf("page %d: page %d cannot be free", number, free)
		}
	}
	return nil
}
