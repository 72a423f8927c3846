package tasks

import (
	"encoding/binary"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// Moved is what is handed over of the tasks of a shard, as JSON. A release writes only what the one before can read.
type Moved struct {
	// Runs are the last slots of tasks: 16 bytes each, the two hashes of the name and milliseconds since the epoch, all big
	// endian. slotLeft stands for a slot whose run is to be made up for.
	Runs []byte `json:"runs,omitempty"`
	// Results is when tasks last had results, by the hashes of the name in hexadecimal digits.
	Results map[string]lastResult `json:"results,omitempty"`
}

const slotLeft = 0

// runBytes is the size of an entry of Runs.
const runBytes = 16

// Len is the number of tasks whose last slots are handed over.
func (m *Moved) Len() int { return len(m.Runs) / runBytes }

// Check says whether Runs can be read.
func (m *Moved) Check() error {
	if len(m.Runs)%runBytes != 0 {
		return fmt.Errorf("the last runs have %d bytes, which is no multiple of %d", len(m.Runs), runBytes)
	}
	return nil
}

func appendRun(b []byte, name taskName, slot int64) []byte {
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, name.hash), name.second)
	return binary.BigEndian.AppendUint64(b, uint64(slot))
}

// runs returns the last slots of tasks.
func (m *Moved) runs() map[taskName]int64 {
	runs := make(map[taskName]int64, m.Len())
	for b := m.Runs; len(b) >= runBytes; b = b[runBytes:] {
		name := taskName{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
		runs[name] = int64(binary.BigEndian.Uint64(b[8:]))
	}
	return runs
}

// Take notes that a shard is about to be owned, and what its last owner handed over of it. It says whether what the storage
// has of the shard counts.
func (t *Tasks) Take(s shard.Taken, m Moved) (own bool) { return t.runs.take(s, m.runs(), m.Results) }

// Kept says whether the storage has something of a shard.
func (t *Tasks) Kept(n int) bool { return t.runs.kept(n) }

// Export returns what is known of the runs of the tasks of shards. redo returns the tasks of a shard whose last run did not
// count.
func (t *Tasks) Export(given []int, redo func(shard int) map[schedule.ID]struct{}) map[int]*Moved {
	moved := make(map[int]*Moved, len(given))
	for _, n := range given {
		moved[n] = &Moved{Results: map[string]lastResult{}}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var (
		ids   []schedule.ID
		names []taskName
		of    []int // shards
	)
	add := func(id schedule.ID, name []byte, n int) {
		ids, names, of = append(ids, id), append(names, nameOf(name)), append(of, n)
	}
	shards := make([]int, len(t.resources)) // by slot; -1 for others
	for slot, res := range t.resources {
		if shards[slot] = -1; res != nil {
			if n := t.shardOf(res); moved[n] != nil {
				shards[slot] = n
			}
		}
	}
	for _, l := range t.plugins {
		file := l.Current().Plugin.File
		for slot, id := range l.tasks {
			if id != 0 && shards[slot] >= 0 {
				t.name = pluginfile.AppendTaskName(t.name[:0], file, t.resources[slot])
				add(id, t.name, shards[slot])
			}
		}
		if n := t.shardOfName(l.Name()); t.once && l.alone != 0 && moved[n] != nil {
			add(l.alone, []byte(pluginfile.TaskName(file, nil)), n)
		}
	}
	last := t.scheduler.LastSlots(ids)
	again := map[int]map[schedule.ID]struct{}{} // asked for afterwards: a run that begins meanwhile is in both, or in none
	for n := range moved {
		again[n] = redo(n)
	}
	for i, slot := range last {
		if slot == 0 {
			continue
		}
		if _, ok := again[of[i]][ids[i]]; ok {
			slot = slotLeft
		}
		m := moved[of[i]]
		m.Runs = appendRun(m.Runs, names[i], slot)
		if last, ok := t.runs.result(names[i]); ok {
			m.Results[names[i].String()] = last
		}
	}
	return moved
}
