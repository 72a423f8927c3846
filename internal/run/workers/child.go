package workers

import (
	"io"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
)

// Child is a child process whose stdin and stdout are the protocol.
type Child struct {
	*child.Process
	// Wire wraps what is written to it; nil changes nothing.
	Wire func(io.Writer) io.Writer
}

var _ Process = Child{}

// In implements Process.
func (c Child) In() io.WriteCloser {
	if c.Wire == nil {
		return c.Stdin()
	}
	return wired{c.Wire(c.Stdin()), c.Stdin()}
}

type wired struct {
	io.Writer
	io.Closer
}

// Out implements Process.
func (c Child) Out() io.Reader { return c.Stdout() }

// Close implements Process.
func (c Child) Close() error {
	_ = c.Stdin().Close()
	return c.Stdout().Close()
}

// Left implements Process: what is in the pipe is read to its end.
func (c Child) Left() []string { return nil }
