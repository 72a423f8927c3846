package wire

import (
	"context"
	"io"
)

// Stream names what passes between the host and a plugin.
type Stream string

const (
	// StreamIn is what the host writes to the plugin: the protocol, or the stdin of an exec plugin.
	StreamIn Stream = "in"
	// StreamOut is what the plugin writes to the host: the protocol, or its stdout.
	StreamOut Stream = "out"
	// StreamErr is a line of stderr.
	StreamErr Stream = "err"
	// StreamArgument is an argument of an exec plugin, StreamVariable a variable of ours in its environment.
	StreamArgument Stream = "argument"
	StreamVariable Stream = "variable"
	// StreamExit is the exit status of an exec plugin, as Exit has it.
	StreamExit Stream = "exit"
)

// Tap is told what passes between the host and plugins, in pieces as they come. It is called from many goroutines, and
// must keep none of the bytes.
type Tap func(Stream, []byte)

// Text tells of a text that is no stream.
func (t Tap) Text(s Stream, text string) {
	if t != nil {
		t(s, []byte(text))
	}
}

// Until is the tap of a run that ends with ctx: what a child still says when it has been given up belongs to no run.
func (t Tap) Until(ctx context.Context) Tap {
	if t == nil {
		return nil
	}
	return func(s Stream, b []byte) {
		if ctx.Err() == nil {
			t(s, b)
		}
	}
}

// Stderr returns what takes lines of stderr for next, and tells of them.
func (t Tap) Stderr(next func(string, bool)) func(string, bool) {
	if t == nil {
		return next
	}
	return func(line string, truncated bool) {
		t(StreamErr, []byte(line+"\n"))
		next(line, truncated)
	}
}

// Reader returns r, whose bytes it tells of.
func (t Tap) Reader(r io.Reader) io.Reader {
	if t == nil {
		return r
	}
	return io.TeeReader(r, tapped{t, StreamOut})
}

// Writer returns w, whose bytes it tells of.
func (t Tap) Writer(w io.Writer) io.Writer {
	if t == nil {
		return w
	}
	return io.MultiWriter(tapped{t, StreamIn}, w) // the question is told of before the answer comes
}

type tapped struct {
	tap    Tap
	stream Stream
}

func (t tapped) Write(b []byte) (int, error) {
	t.tap(t.stream, b)
	return len(b), nil
}

// Exit is how an exec plugin ended: by an exit status, or, where How is not "", otherwise.
type Exit struct {
	Code int    `json:"code"`
	How  string `json:"how,omitempty"`
}
