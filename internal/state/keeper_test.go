package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"pgregory.net/rapid"
)

var errDisk = errors.New("no space left on device")

// memory is a storage whose writes fail from a point on.
type memory struct {
	data map[string][]byte
	left int // writes to go; below 0 they never fail
}

func newMemory() *memory { return &memory{data: map[string][]byte{}, left: -1} }

func (m *memory) Get(_ context.Context, key string) ([]byte, error) { return m.data[key], nil }

func (m *memory) Set(ctx context.Context, key string, value []byte) error {
	return m.Batch(ctx, storage.SetOperation(key, value))
}

func (m *memory) Delete(ctx context.Context, key string) error {
	return m.Batch(ctx, storage.DeleteOperation(key))
}

func (m *memory) Batch(_ context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if op.Type == storage.Get {
			op.Value = m.data[op.Key]
			continue
		}
		if m.left == 0 {
			return errDisk
		}
		m.left--
		if op.Type == storage.Set {
			m.data[op.Key] = op.Value
		} else {
			delete(m.data, op.Key)
		}
	}
	return nil
}

func (m *memory) Close(context.Context) error { return nil }

// texts is a source of texts.
type texts struct {
	held     map[string]string
	changed  map[string]struct{}
	restored int // calls of Restore
}

func newTexts() *texts { return &texts{held: map[string]string{}, changed: map[string]struct{}{}} }

func (s *texts) Restore(records []Record) error {
	s.restored++
	for _, r := range records {
		var text string
		if err := json.Unmarshal(r.Value, &text); err != nil {
			return err
		}
		s.held[r.Key] = text
	}
	return nil
}

func (s *texts) set(key, text string) {
	s.held[key] = text
	s.changed[key] = struct{}{}
}

func (s *texts) remove(key string) {
	delete(s.held, key)
	s.changed[key] = struct{}{}
}

func (s *texts) Changes() (changed []Record, gone []string) {
	for key := range s.changed {
		if text, ok := s.held[key]; ok {
			value, _ := json.Marshal(text)
			changed = append(changed, Record{key, value})
		} else {
			gone = append(gone, key)
		}
	}
	clear(s.changed)
	return changed, gone
}

func open(t require.TestingT, m *memory) (*Keeper, *texts, []error) {
	source := newTexts()
	k, damage, err := Open(context.Background(), m, map[string]Source{"texts": source})
	require.NoError(t, err)
	return k, source, damage
}

// TestKeptOverRestarts: whatever changes, fails to be written and is written later, a restart after a good Save finds
// just what there was, and one at any other time finds each key as it was at some time.
func TestKeptOverRestarts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		k, source, _ := open(t, m)
		keys := rapid.SampledFrom([]string{"a", "b", "c:d", "", "\u00e9", "x|y"})
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				source.set(keys.Draw(t, "key"), rapid.String().Draw(t, "text"))
			case 2:
				source.remove(keys.Draw(t, "key"))
			case 3:
				m.left = rapid.IntRange(-1, 3).Draw(t, "writes left")
				if err := k.Save(context.Background()); err != nil {
					require.ErrorIs(t, err, errDisk)
				}
				m.left = -1
			case 4:
				require.NoError(t, k.Save(context.Background()))
				before := maps.Clone(source.held)
				var damage []error
				k, source, damage = open(t, m)
				require.Empty(t, damage)
				require.Equal(t, before, source.held)
			}
		}
	})
}

// One section can be saved by itself, with one small write where its keys stay.
func TestSaveSections(t *testing.T) {
	t.Parallel()
	m := newMemory()
	often, seldom := newTexts(), newTexts()
	k, _, err := Open(t.Context(), m, map[string]Source{"often": often, "seldom": seldom})
	require.NoError(t, err)
	often.set("a", "1")
	seldom.set("b", "1")
	require.NoError(t, k.SaveSections(t.Context(), "often"))
	before := maps.Clone(m.data)
	often.set("a", "2")
	require.NoError(t, k.SaveSections(t.Context(), "often"))
	differ := 0
	for key, value := range m.data {
		if string(before[key]) != string(value) {
			differ++
		}
	}
	assert.Equal(t, 1, differ)
	assert.Equal(t, string(before[IndexKey]), string(m.data[IndexKey]))

	often, seldom = newTexts(), newTexts()
	k, _, err = Open(t.Context(), m, map[string]Source{"often": often, "seldom": seldom})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "2"}, often.held)
	assert.Empty(t, seldom.held)
	seldom.set("b", "2")
	require.NoError(t, k.Save(t.Context()))
	assert.Len(t, k.index.Sections, 2)
}

// A source learns that it is kept, whether or not the storage has a section of it already.
func TestEachSourceIsRestoredOnce(t *testing.T) {
	t.Parallel()
	m := newMemory()
	for range 3 { // a new storage, one that has the first section, one that has both
		first, second := newTexts(), newTexts()
		k, damage, err := Open(t.Context(), m, map[string]Source{"first": first, "second": second})
		require.NoError(t, err)
		require.Empty(t, damage)
		assert.Equal(t, []int{1, 1}, []int{first.restored, second.restored})
		if len(k.index.Sections) > 0 {
			second.set("b", "2")
		}
		first.set("a", "1")
		require.NoError(t, k.Save(t.Context()))
	}
}

func TestGrows(t *testing.T) {
	t.Parallel()
	m := newMemory()
	k, source, _ := open(t, m)
	const n = 20_000
	for i := range n {
		source.set("key "+strconv.Itoa(i), "value")
		if i%5000 == 0 {
			require.NoError(t, k.Save(context.Background()))
		}
	}
	require.NoError(t, k.Save(context.Background()))
	a := k.index.Sections["texts"]
	assert.Equal(t, n, a.Records)
	assert.LessOrEqual(t, n/a.Chunks, 2*recordsPerChunk)
	assert.LessOrEqual(t, len(m.data), a.Chunks+1, "chunks of old generations are gone")
	source.set("key 1", "other")
	source.remove("key 2")
	written := 1000
	m.left = written
	require.NoError(t, k.Save(context.Background()))
	assert.LessOrEqual(t, written-m.left, 3, "two chunks and the index")
	_, again, damage := open(t, m)
	assert.Empty(t, damage)
	assert.Len(t, again.held, n-1)
	assert.Equal(t, "other", again.held["key 1"])
}

func TestDamageIsPutAside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		key     string // begins with
		data    []byte
		lost    bool // all, not a part
		message string
	}{
		{"index is no JSON", IndexKey, []byte("{"), true, "index of the state is put aside"},
		{"index of a later version", IndexKey, []byte(`{"version":2}`), true, "has version 2"},
		{"index without chunks", IndexKey, []byte(`{"version":1,"sections":{"texts":{"chunks":0}}}`), true, "no proper number of chunks"},
		{"chunk cut off", "texts.", []byte{1, 2}, false, "cut off"},
		{"chunk of a later version", "texts.", []byte{2, 0, 0, 0, 0, 0}, false, "has version 2"},
		{"chunk with a wrong checksum", "texts.", []byte{1, 0, 0, 0, 0, '{', '}'}, false, "checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			k, source, _ := open(t, m)
			for i := range 100 {
				source.set(fmt.Sprint(i), "x")
			}
			require.NoError(t, k.Save(context.Background()))
			for key := range m.data {
				if strings.HasPrefix(key, c.key) {
					m.data[key] = c.data
					break
				}
			}
			k, source, damage := open(t, m)
			require.Len(t, damage, 1)
			require.ErrorContains(t, damage[0], c.message)
			if c.lost {
				assert.Empty(t, source.held)
			} else {
				assert.NotEmpty(t, source.held)
				assert.Less(t, len(source.held), 100)
			}
			aside := 0
			for key, data := range m.data {
				if strings.HasPrefix(key, "aside.") {
					assert.Equal(t, c.data, data)
					aside++
				}
			}
			assert.Equal(t, 1, aside)
			source.set("new", "y")
			require.NoError(t, k.Save(context.Background()))
			_, again, damage := open(t, m)
			assert.Empty(t, damage)
			assert.Equal(t, source.held, again.held)
		})
	}
}

func FuzzParseChunk(f *testing.F) {
	f.Add(appendChunk(map[string]json.RawMessage{"a": json.RawMessage(`"b"`)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		held, err := parseChunk(data)
		if err != nil || data == nil {
			return
		}
		again, err := parseChunk(appendChunk(held))
		if err != nil || len(again) != len(held) {
			t.Fatalf("%v, %v", again, err)
		}
	})
}
