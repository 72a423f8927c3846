package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// Defaults of Options.
const (
	DefaultMaxLine    = 16 << 20
	DefaultMaxHandled = 16
	DefaultMaxQueued  = 4 << 20
)

// ErrFull is what Start fails with where the other side does not read what was sent before.
var ErrFull = errors.New("the other side does not read")

// ErrClosed is what calls fail with after Close, or once the other side has ended the stream.
var ErrClosed = errors.New("connection is closed")

// Options configure a Conn; a zero takes the default.
type Options struct {
	// MaxLine is the most bytes of a line (default 16 MiB). A longer one that comes in is a Fault; one that would go out is
	// an error.
	MaxLine int
	// Handle answers a request: with a result, which is marshalled, or an error; an *Error goes out as it is. It is
	// called from goroutines of its own, up to MaxHandled at once (default 16). ctx ends with the connection.
	// nil answers every request with "method not found".
	Handle     func(ctx context.Context, method string, params json.RawMessage) (any, error)
	MaxHandled int
	// MaxQueued is how many bytes may wait to be written (default 4 MiB), though one line always may. Beyond it Start fails
	// with ErrFull, and requests of the other side are answered once it has read.
	MaxQueued int
	// Notify takes a notification. It is called from the reading goroutine, one after the other, before anything that
	// comes after it is seen. nil ignores notifications.
	Notify func(method string, params json.RawMessage)
	// Fault takes what is wrong with a line, from the reading goroutine, before the call concerned fails. nil ignores.
	Fault func(*Fault)
}

// Conn is one connection. All methods are safe for concurrent use.
type Conn struct {
	options Options
	writer  io.Writer

	ctx    context.Context // ends with the connection
	cancel context.CancelCauseFunc
	out    *queue
	wg     sync.WaitGroup
	// answering has room for one: who writes an answer. The others have not made theirs, which may be large, into text yet.
	answering chan struct{}

	mu      sync.Mutex
	lastID  int64
	pending map[int64]func(answer)
	ended   error
}

type answer struct {
	result json.RawMessage
	err    error
}

// New returns a connection that reads r and writes w until r ends, writing fails, or Close. It closes neither: close
// both after Close, then Wait for its goroutines.
func New(r io.Reader, w io.Writer, o Options) *Conn {
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	if o.MaxHandled <= 0 {
		o.MaxHandled = DefaultMaxHandled
	}
	if o.MaxQueued <= 0 {
		o.MaxQueued = DefaultMaxQueued
	}
	c := &Conn{options: o, writer: w, out: newQueue(o.MaxQueued), answering: make(chan struct{}, 1), pending: map[int64]func(answer){}}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.wg.Add(2)
	go c.write()
	go c.read(newLineReader(r, o.MaxLine))
	return c
}

// Call sends a request and waits for its answer, which is stored in result unless that is nil. The error is an *Error
// that the other side answered, a *Fault, why the connection ended (ErrClosed is in its chain), or ctx's.
func (c *Conn) Call(ctx context.Context, method string, params, result any) error {
	done := make(chan answer, 1)
	id, err := c.register(func(a answer) { done <- a })
	if err != nil {
		return err
	}
	if err = c.send(ctx, request{"2.0", id, method, params}); err != nil {
		c.forget(id)
		return err
	}
	select {
	case a := <-done:
		if a.err != nil || result == nil {
			return a.err
		}
		if err := json.Unmarshal(a.result, result); err != nil {
			return newFault(FaultInvalid, a.result, "result of %q does not fit: %v", method, err)
		}
		return nil
	case <-ctx.Done():
		c.forget(id)
		return ctx.Err()
	}
}

// Start sends a request whose parameters are JSON text already, without waiting for anything. Unless it fails, done is
// called once: with the result, which is JSON unless the other side is at fault, or with an error as Call returns it.
// Answers come from the reading goroutine, in their order; done must not block.
func (c *Conn) Start(method string, params json.RawMessage, done func(json.RawMessage, error)) error {
	id, err := c.register(func(a answer) { done(a.result, a.err) })
	if err != nil {
		return err
	}
	line := make([]byte, 0, len(params)+len(method)+64)
	line = append(line, `{"jsonrpc":"2.0","id":`...)
	line = strconv.AppendInt(line, id, 10)
	if err := c.offer(appendRest(append(line, ','), method, params)); err != nil {
		c.forget(id)
		return err
	}
	return nil
}

// Tell is Notify for parameters that are JSON text already; it does not wait either.
func (c *Conn) Tell(method string, params json.RawMessage) error {
	return c.offer(appendRest([]byte(`{"jsonrpc":"2.0",`), method, params))
}

func appendRest(line []byte, method string, params json.RawMessage) []byte {
	line = append(line, `"method":`...)
	line = strconv.AppendQuote(line, method)
	line = append(line, `,"params":`...)
	line = append(line, params...)
	return append(line, "}\n"...)
}

// offer queues a line where there is room.
func (c *Conn) offer(line []byte) error {
	if !c.out.offer(line) {
		return ErrFull
	}
	return nil
}

// Notify sends a notification; that it was sent does not mean that it was read.
func (c *Conn) Notify(ctx context.Context, method string, params any) error {
	return c.send(ctx, notification{"2.0", method, params})
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.ctx.Done() }

// Ended says whether the connection has ended.
func (c *Conn) Ended() bool { return c.ctx.Err() != nil }

// Close ends the connection: calls under way fail with ErrClosed.
func (c *Conn) Close() { c.end(ErrClosed) }

// Wait returns when the goroutines of the connection have ended. Reading ends when the stream ends or is closed.
func (c *Conn) Wait() { c.wg.Wait() }

func (c *Conn) register(done func(answer)) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return 0, c.ended
	}
	c.lastID++
	c.pending[c.lastID] = done
	return c.lastID, nil
}

func (c *Conn) forget(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// failAll fails every call that is under way.
func (c *Conn) failAll(err error) {
	c.mu.Lock()
	pending := c.pending
	c.pending = map[int64]func(answer){}
	c.mu.Unlock()
	for _, done := range pending {
		done(answer{err: err})
	}
}

func (c *Conn) end(err error) {
	c.mu.Lock()
	if c.ended == nil {
		c.ended = err
	}
	err = c.ended
	c.mu.Unlock()
	c.cancel(err)
	c.failAll(err)
}

func (c *Conn) send(ctx context.Context, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf) // ends the value with a line feed
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("marshal message: %w", err)
	}
	if buf.Len() > c.options.MaxLine {
		return fmt.Errorf("message of %d bytes, limit is %d", buf.Len(), c.options.MaxLine)
	}
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	for {
		taken, room := c.out.offerOrWait(buf.Bytes())
		if taken {
			return nil
		}
		select {
		case <-room:
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write writes what send queued. It is a goroutine of its own so that a side that does not read blocks no caller for
// longer than the caller's context.
func (c *Conn) write() {
	defer c.wg.Done()
	for {
		select {
		case <-c.out.filled:
		case <-c.ctx.Done():
			return
		}
		for line := c.out.take(); line != nil && c.ctx.Err() == nil; line = c.out.take() {
			if _, err := c.writer.Write(line); err != nil {
				c.end(fmt.Errorf("%w: write: %w", ErrClosed, err))
				return
			}
		}
	}
}
