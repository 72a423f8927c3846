package engine

import (
	"context"
	"net/netip"
)

// Options are the settings of an Engine. The zero value serves.
type Options struct {
	// SourceAddresses are the addresses that requests come from, at most one of IPv4 and one of IPv6. Without one the system
	// chooses.
	SourceAddresses []netip.Addr
	// InFlight is how many requests may wait for answers at a time, over all devices, 0 for DefaultInFlightOverall. Devices that
	// are overdue do not count.
	InFlight int
}

// DefaultInFlightOverall is how many requests may wait for answers at a time.
const DefaultInFlightOverall = 4096

// Engine asks devices. All methods may be called from any goroutine.
type Engine struct{}

// New makes an Engine. Sockets are opened when they are first needed.
func New(Options) (*Engine, error) { return &Engine{}, nil }

// Close ends all calls with ErrClosed and waits until nothing is left of them.
func (e *Engine) Close() error { return nil }

// Start asks a device and calls done once with all that came, in a goroutine that must not be held up: done may start
// further requests, but must not wait. Where nothing can be sent, done is called before Start returns, as it is for a target
// with an Agent. The end of ctx ends the request with what came until then. The target and the request must not change
// before done is called.
func (e *Engine) Start(ctx context.Context, t *Target, r *Request, done func(*Result)) {
	m := newMemory()
	j := newJob(t, r, &m)
	if t.Agent == nil {
		j.abort(ErrUnreachable)
	}
	askAgent(ctx, j)
	done(j.result())
}

// Do asks a device and waits until all is there, or cannot come. The end of ctx ends it, with what came until then.
// The target and the request must not change meanwhile.
func (e *Engine) Do(ctx context.Context, t *Target, r *Request) *Result {
	done := make(chan *Result, 1)
	e.Start(ctx, t, r, func(result *Result) { done <- result })
	return <-done
}
