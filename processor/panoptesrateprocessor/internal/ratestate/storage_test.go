package ratestate

import (
	"context"
	"errors"
	"maps"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

var (
	errCrashed = errors.New("the process is dead")
	errDisk    = errors.New("no space left on device")
)

// memory is a storage that can crash: after so many writes nothing is written any more. A batch is written operation by
// operation, unless it is atomic, in which case it is written whole or not at all.
type memory struct {
	mu     sync.Mutex
	data   map[string][]byte
	atomic bool
	left   int // writes to go before the crash; below 0 there is none
	broken bool
	writes int
	// during is called, once, in the midst of the next writing of chunks.
	during func()
}

func newMemory() *memory { return &memory{data: map[string][]byte{}, left: -1} }

// reopened is what a new process finds.
func (m *memory) reopened() *memory {
	return &memory{data: m.data, atomic: m.atomic, left: -1}
}

func (m *memory) Batch(_ context.Context, ops ...*storage.Operation) error {
	if during := m.during; during != nil && ops[0].Type == storage.Set && ops[0].Key != indexKey {
		m.during = nil
		during()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := maps.Clone(m.data)
	for _, op := range ops {
		if op.Type == storage.Get {
			op.Value = m.data[op.Key]
			continue
		}
		switch {
		case m.broken:
			return errDisk
		case m.left == 0:
			if m.atomic {
				m.data = before
			}
			return errCrashed
		}
		m.left--
		m.writes++
		if op.Type == storage.Set {
			m.data[op.Key] = op.Value
		} else {
			delete(m.data, op.Key)
		}
	}
	return nil
}

func (m *memory) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := m.Batch(ctx, op)
	return op.Value, err
}

func (m *memory) Set(ctx context.Context, key string, value []byte) error {
	return m.Batch(ctx, storage.SetOperation(key, value))
}

func (m *memory) Delete(ctx context.Context, key string) error {
	return m.Batch(ctx, storage.DeleteOperation(key))
}

func (*memory) Close(context.Context) error { return nil }

// copied is what a process finds that was started the moment another was killed.
func (m *memory) copied() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{data: maps.Clone(m.data), atomic: m.atomic, left: -1}
}
