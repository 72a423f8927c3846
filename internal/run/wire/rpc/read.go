package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// take removes the call of an id and returns where its answer goes.
func (c *Conn) take(id int64) (func(answer), *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done, ok := c.pending[id]
	switch {
	case ok:
		delete(c.pending, id)
		return done, nil
	case id >= 1 && id <= c.lastID:
		return nil, newFault(FaultUnknownID, nil, "answer to call %d, which was answered or given up before", id)
	}
	return nil, newFault(FaultUnknownID, nil, "answer to call %d, which was never made", id)
}

func (c *Conn) read(lines *lineReader) {
	defer c.wg.Done()
	slots := make(chan struct{}, c.options.MaxHandled)
	for {
		line, size, err := lines.next()
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			fault := newFault(FaultCutOff, line, "stream ended within a line, after %d bytes of it", size)
			c.report(fault)
			c.end(fmt.Errorf("%w: %w", ErrClosed, fault))
			return
		case errors.Is(err, io.EOF):
			c.end(fmt.Errorf("%w by the other side", ErrClosed))
			return
		case err != nil:
			c.end(fmt.Errorf("%w: read: %w", ErrClosed, err))
			return
		}
		if c.ctx.Err() != nil {
			return
		}
		if size > c.options.MaxLine {
			c.fault(line, newFault(FaultTooLong, line, "line of %d bytes, limit is %d", size, c.options.MaxLine))
		} else if len(bytes.TrimSpace(line)) > 0 {
			c.dispatch(line, slots)
		}
	}
}

func (c *Conn) report(f *Fault) {
	if c.options.Fault != nil {
		c.options.Fault(f)
	}
}

// fault fails the call that a bad line answers. Where that cannot be told, every call under way fails: one of them
// would wait in vain.
func (c *Conn) fault(line []byte, f *Fault) {
	c.report(f)
	id, ok := peekID(line)
	if !ok {
		c.failAll(f)
		return
	}
	if done, unknown := c.take(id); unknown == nil {
		done(answer{err: f})
	}
}

func (c *Conn) dispatch(line []byte, slots chan struct{}) {
	m, fault := parseMessage(line)
	switch {
	case fault != nil && m != nil && m.isRequest():
		c.report(fault)
		if m.hasID() {
			c.respond(m.ID, nil, &Error{Code: CodeInvalidRequest, Message: fault.Text})
		}
	case fault != nil:
		c.fault(line, fault)
	case m.isRequest() && m.ID == nil:
		if c.options.Notify != nil {
			c.options.Notify(*m.Method, m.Params)
		}
	case m.isRequest():
		c.handle(m, slots)
	default:
		c.answered(m, line)
	}
}

func (c *Conn) answered(m *message, line []byte) {
	id, ok := m.callID()
	if !ok && !m.hasID() {
		// The other side could not read the id of one of our calls, so it cannot be told which one fails.
		c.fault(nil, newFault(FaultInvalid, line, `answer without an "id"%s`, errorText(m.Error)))
		return
	}
	if !ok {
		c.report(newFault(FaultUnknownID, line, "answer to call %.40s, which was never made", m.ID))
		return
	}
	done, fault := c.take(id)
	switch {
	case fault != nil:
		c.report(fault)
	case m.Error != nil:
		done(answer{err: m.Error})
	default:
		done(answer{result: m.Result})
	}
}

// handle answers a request in a goroutine of its own. While all of them are taken nothing more is read: a side that
// asks faster than it is answered slows itself down.
func (c *Conn) handle(m *message, slots chan struct{}) {
	select {
	case slots <- struct{}{}:
	case <-c.ctx.Done():
		return
	}
	c.wg.Go(func() {
		defer func() { <-slots }()
		if c.options.Handle == nil {
			c.respond(m.ID, nil, MethodNotFound(*m.Method))
			return
		}
		result, err := c.options.Handle(c.ctx, *m.Method, m.Params)
		c.respond(m.ID, result, err)
	})
}

// MethodNotFound is the standard error for a method that is not known.
func MethodNotFound(method string) *Error {
	return &Error{Code: CodeMethodNotFound, Message: "method not found: " + strconv.Quote(method)}
}

func (c *Conn) respond(id json.RawMessage, result any, err error) {
	select {
	case c.answering <- struct{}{}:
	case <-c.ctx.Done():
		return
	}
	defer func() { <-c.answering }()
	var v any = response{"2.0", id, result}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Code: CodeInternal, Message: err.Error()}
		}
		v = errorResponse{"2.0", id, e}
	}
	if sendErr := c.send(c.ctx, v); sendErr != nil && c.ctx.Err() == nil {
		_ = c.send(c.ctx, errorResponse{"2.0", id, &Error{Code: CodeInternal, Message: sendErr.Error()}})
	}
}

func errorText(e *Error) string {
	if e == nil {
		return ""
	}
	return ": " + e.Error()
}
