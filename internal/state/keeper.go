package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
)

const (
	// formatVersion is that of the index and of the chunks.
	formatVersion = 1
	// minChunks and maxChunks bound the chunks of a section.
	minChunks, maxChunks = 16, 1 << 16
	// recordsPerChunk is how many records a chunk has on average before the section gets more chunks.
	recordsPerChunk = 64
	// chunksPerBatch bounds what is read or written at once.
	chunksPerBatch = 64
)

// Record is one value under its key.
type Record struct {
	Key   string
	Value json.RawMessage
}

// Source is where the records of a section come from and go to. Its methods are called one at a time.
type Source interface {
	// Restore takes what was stored: no records where the storage has none of the section. It is called once, before
	// Changes. The error names records that are no good, which costs them alone.
	Restore(records []Record) error
	// Changes returns the records that changed since the last call, and the keys that are gone. The first call returns
	// all that was not restored, or all.
	Changes() (changed []Record, gone []string)
}

// Keeper keeps the sections of one storage. It is not safe for concurrent use.
type Keeper struct {
	client   storage.Client
	sections map[string]*section
	index    index
	counted  bool // the index says what the storage's does not
	found    bool
}

// section is one kind of records.
type section struct {
	source  Source
	pending map[string]json.RawMessage // not written yet; nil: gone
}

// index says what the storage holds.
type index struct {
	Version  int              `json:"version"`
	Sections map[string]*area `json:"sections"`
}

// area says where a section lies.
type area struct {
	Generation int64 `json:"generation"`
	Chunks     int   `json:"chunks"`
	Records    int   `json:"records"` // about
}

// IndexKey is where the index of a storage lies: what is found by it alone is forgotten with it.
const IndexKey = "index"

func (a *area) key(name string, chunk int) string {
	return name + "." + strconv.FormatInt(a.Generation, 10) + "." + strconv.Itoa(chunk)
}

func (a *area) chunkOf(key string) int { return int(hashing.Murmur3([]byte(key)) % uint32(a.Chunks)) }

// Open restores the sources, by the names of their sections, from what the storage holds. damage says what could not be
// used and where it was put aside.
func Open(ctx context.Context, client storage.Client, sources map[string]Source) (k *Keeper, damage []error, err error) {
	k = &Keeper{client: client, sections: map[string]*section{}}
	for name, source := range sources {
		k.sections[name] = &section{source: source, pending: map[string]json.RawMessage{}}
	}
	data, err := client.Get(ctx, IndexKey)
	if err != nil {
		return nil, nil, fmt.Errorf("read the index of the state: %w", err)
	}
	if data != nil {
		k.found = true
		if bad := k.parseIndex(data); bad != nil {
			k.index = index{}
			damage = append(damage, bad)
			if err := PutAside(ctx, client, IndexKey, asideKey(IndexKey), data); err != nil {
				return nil, damage, err
			}
		}
	}
	k.index.Version = formatVersion
	if k.index.Sections == nil {
		k.index.Sections = map[string]*area{}
	}
	// All is read before any of it is taken: a storage that is damaged may panic half-way.
	loaded := map[string][]Record{}
	names := slices.Sorted(maps.Keys(k.sections))
	for _, name := range names {
		a := k.index.Sections[name]
		if a == nil {
			continue // it is begun with the first record
		}
		records, bad, err := k.load(ctx, name, a)
		damage = append(damage, bad...)
		if err != nil {
			return nil, damage, err
		}
		loaded[name] = records
	}
	for _, name := range names {
		if err := k.sections[name].source.Restore(loaded[name]); err != nil {
			damage = append(damage, fmt.Errorf("section %q of the state: %w", name, err))
		}
	}
	return k, damage, nil
}

// Found says whether the storage held anything when it was opened.
func (k *Keeper) Found() bool { return k.found }

// Forget has a storage hold nothing, whatever keeps state under an index in it.
func Forget(ctx context.Context, client storage.Client) error {
	if err := client.Delete(ctx, IndexKey); err != nil {
		return fmt.Errorf("delete the index of the state: %w", err)
	}
	return nil
}

func (k *Keeper) parseIndex(data []byte) error {
	if err := json.Unmarshal(data, &k.index); err != nil {
		return fmt.Errorf("the index of the state is put aside as %q: %w", asideKey(IndexKey), err)
	}
	if k.index.Version != formatVersion {
		return fmt.Errorf("the index of the state is put aside as %q: it has version %d, this program knows version %d",
			asideKey(IndexKey), k.index.Version, formatVersion)
	}
	for name, a := range k.index.Sections {
		if a == nil || a.Chunks < 1 || a.Chunks > maxChunks {
			return fmt.Errorf("the index of the state is put aside as %q: section %q has no proper number of chunks", asideKey(IndexKey), name)
		}
	}
	return nil
}

func asideKey(key string) string { return "aside." + key }

// PutAside moves what cannot be read out of the way, to another key, for people to look at. It does so in two calls, for a
// storage that does one and not the other.
func PutAside(ctx context.Context, client storage.Client, key, aside string, data []byte) error {
	if err := client.Set(ctx, aside, data); err != nil {
		return fmt.Errorf("put aside %q of the state: %w", key, err)
	}
	if err := client.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete %q of the state: %w", key, err)
	}
	return nil
}

// load reads all chunks of a section.
func (k *Keeper) load(ctx context.Context, name string, a *area) (records []Record, damage []error, err error) {
	for begin := 0; begin < a.Chunks; begin += chunksPerBatch {
		var ops []*storage.Operation
		for c := begin; c < min(begin+chunksPerBatch, a.Chunks); c++ {
			ops = append(ops, storage.GetOperation(a.key(name, c)))
		}
		if err := k.client.Batch(ctx, ops...); err != nil {
			return nil, damage, fmt.Errorf("read section %q of the state: %w", name, err)
		}
		for _, op := range ops {
			held, err := parseChunk(op.Value)
			if err != nil {
				damage = append(damage, fmt.Errorf("chunk %q of the state is put aside as %q: %w", op.Key, asideKey(op.Key), err))
				if err := PutAside(ctx, k.client, op.Key, asideKey(op.Key), op.Value); err != nil {
					return nil, damage, err
				}
				continue
			}
			for key, value := range held {
				records = append(records, Record{key, value})
			}
		}
	}
	return records, damage, nil
}

// Save writes what changed since the last time. What an error kept from being written is written the next time.
func (k *Keeper) Save(ctx context.Context) error {
	return k.SaveSections(ctx, slices.Sorted(maps.Keys(k.sections))...)
}

// SaveSections is Save for some sections alone, which must be among those of Open.
func (k *Keeper) SaveSections(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		s := k.sections[name]
		changed, gone := s.source.Changes()
		for _, key := range gone {
			s.pending[key] = nil
		}
		for _, r := range changed {
			s.pending[r.Key] = r.Value
		}
		if len(s.pending) > 0 {
			errs = append(errs, k.save(ctx, name, s))
		}
	}
	return errors.Join(errs...)
}

func (k *Keeper) save(ctx context.Context, name string, s *section) error {
	a := k.index.Sections[name]
	if a == nil || a.Records+len(s.pending) > 2*recordsPerChunk*a.Chunks && a.Chunks < maxChunks {
		var err error
		if a, err = k.grow(ctx, name, a, len(s.pending)); err != nil {
			return err
		}
	}
	byChunk := map[int][]string{}
	for key := range s.pending {
		c := a.chunkOf(key)
		byChunk[c] = append(byChunk[c], key)
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(byChunk)), chunksPerBatch) {
		if err := k.write(ctx, name, s, a, some, byChunk); err != nil {
			return err
		}
	}
	if !k.counted {
		return nil
	}
	return k.writeIndex(ctx)
}

// write changes some chunks.
func (k *Keeper) write(ctx context.Context, name string, s *section, a *area, chunks []int, keys map[int][]string) error {
	ops := make([]*storage.Operation, 0, len(chunks))
	for _, c := range chunks {
		ops = append(ops, storage.GetOperation(a.key(name, c)))
	}
	if err := k.client.Batch(ctx, ops...); err != nil {
		return fmt.Errorf("read section %q of the state: %w", name, err)
	}
	more := 0
	for i, c := range chunks {
		held, err := parseChunk(ops[i].Value)
		if err != nil {
			held = map[string]json.RawMessage{} // it was damaged after it was read; what is known is written anew
		}
		before := len(held)
		for _, key := range keys[c] {
			if value := s.pending[key]; value != nil {
				held[key] = value
			} else {
				delete(held, key)
			}
		}
		more += len(held) - before
		if ops[i].Type, ops[i].Value = storage.Set, nil; len(held) > 0 {
			ops[i].Value = appendChunk(held)
		} else {
			ops[i].Type = storage.Delete
		}
	}
	if err := k.client.Batch(ctx, ops...); err != nil {
		return fmt.Errorf("write section %q of the state: %w", name, err)
	}
	if more != 0 {
		a.Records += more
		k.counted = true
	}
	for _, c := range chunks {
		for _, key := range keys[c] {
			delete(s.pending, key)
		}
	}
	return nil
}

// grow gives a section chunks enough, under a generation of its own: what is there counts until the index says else.
func (k *Keeper) grow(ctx context.Context, name string, old *area, more int) (*area, error) {
	var records []Record
	// No generation comes twice, not even after the index was lost: or what it left behind would count again.
	grown := &area{Generation: time.Now().UnixMicro()}
	if old != nil {
		var err error
		if records, _, err = k.load(ctx, name, old); err != nil {
			return nil, err
		}
		grown.Generation = max(grown.Generation, old.Generation+1)
	}
	grown.Chunks = minChunks
	for grown.Chunks < maxChunks && grown.Chunks*recordsPerChunk < len(records)+more {
		grown.Chunks *= 2
	}
	grown.Records = len(records)
	chunks := make([]map[string]json.RawMessage, grown.Chunks)
	for _, r := range records {
		c := grown.chunkOf(r.Key)
		if chunks[c] == nil {
			chunks[c] = map[string]json.RawMessage{}
		}
		chunks[c][r.Key] = r.Value
	}
	var ops []*storage.Operation
	for c, held := range chunks {
		if len(held) > 0 {
			ops = append(ops, storage.SetOperation(grown.key(name, c), appendChunk(held)))
		}
	}
	for some := range slices.Chunk(ops, chunksPerBatch) {
		if err := k.client.Batch(ctx, some...); err != nil {
			return nil, fmt.Errorf("write section %q of the state: %w", name, err)
		}
	}
	k.index.Sections[name] = grown
	if err := k.writeIndex(ctx); err != nil {
		if k.index.Sections[name] = old; old == nil {
			delete(k.index.Sections, name)
		}
		return nil, err
	}
	return grown, k.remove(ctx, name, old)
}

// remove deletes the chunks of a generation that does not count any more.
func (k *Keeper) remove(ctx context.Context, name string, old *area) error {
	if old == nil {
		return nil
	}
	for begin := 0; begin < old.Chunks; begin += chunksPerBatch {
		var ops []*storage.Operation
		for c := begin; c < min(begin+chunksPerBatch, old.Chunks); c++ {
			ops = append(ops, storage.DeleteOperation(old.key(name, c)))
		}
		if err := k.client.Batch(ctx, ops...); err != nil {
			return fmt.Errorf("delete section %q of the state: %w", name, err)
		}
	}
	return nil
}

func (k *Keeper) writeIndex(ctx context.Context) error {
	data, err := json.Marshal(&k.index)
	if err != nil {
		return err
	}
	if err := k.client.Set(ctx, IndexKey, data); err != nil {
		return fmt.Errorf("write the index of the state: %w", err)
	}
	k.counted = false
	return nil
}
