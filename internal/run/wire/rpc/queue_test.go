package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUnreadAnswersAreLimitedInBytes: a side that asks for much and reads nothing takes a few answers' memory.
func TestUnreadAnswersAreLimitedInBytes(t *testing.T) {
	// Not parallel: it looks at the memory of the whole process.
	const size, questions = 8 << 20, 500
	value := strings.Repeat("v", size)
	requests, ask := io.Pipe()
	never, write := io.Pipe() // nobody reads it
	var handled atomic.Int32
	c := New(requests, write, Options{Handle: func(context.Context, string, json.RawMessage) (any, error) {
		handled.Add(1)
		return map[string]string{"value": value}, nil
	}})
	go func() {
		for i := range questions {
			if _, err := fmt.Fprintf(ask, `{"jsonrpc":"2.0","id":%d,"method":"kv.get","params":{}}`+"\n", i); err != nil {
				return
			}
		}
	}()
	require.Eventually(t, func() bool { return handled.Load() >= DefaultMaxHandled }, time.Minute, time.Millisecond)
	var m runtime.MemStats
	for range 20 {
		runtime.GC()
		runtime.ReadMemStats(&m)
		assert.Less(t, m.HeapAlloc, uint64(10*size))
	}
	assert.Less(t, handled.Load(), int32(questions))
	_ = ask.Close()
	_ = never.Close()
	c.Close()
	c.Wait()
}

// TestAnswerTooLarge: an answer that the other side would not take is an error, not a line.
func TestAnswerTooLarge(t *testing.T) {
	t.Parallel()
	requests, ask := io.Pipe()
	read, write := io.Pipe()
	c := New(requests, write, Options{MaxLine: 1000, Handle: func(context.Context, string, json.RawMessage) (any, error) {
		return strings.Repeat("v", 2000), nil
	}})
	go func() { _, _ = io.WriteString(ask, `{"jsonrpc":"2.0","id":1,"method":"m","params":{}}`+"\n") }()
	var answer struct{ Error *Error }
	require.NoError(t, json.NewDecoder(read).Decode(&answer))
	require.ErrorContains(t, answer.Error, "limit is 1000")
	_ = ask.Close()
	_ = read.Close()
	c.Close()
	c.Wait()
}

func TestQueueTakesOneLargeLine(t *testing.T) {
	t.Parallel()
	q := newQueue(10)
	assert.True(t, q.offer(make([]byte, 100)))
	taken, room := q.offerOrWait([]byte("x"))
	assert.False(t, taken)
	assert.Len(t, q.take(), 100)
	<-room
	assert.True(t, q.offer(make([]byte, 6)))
	assert.True(t, q.offer(make([]byte, 4)))
	assert.False(t, q.offer(make([]byte, 1)))
}
