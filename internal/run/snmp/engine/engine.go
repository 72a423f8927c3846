package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the settings of an Engine. The zero value serves.
type Options struct {
	// SourceAddresses are the addresses that requests come from, at most one of IPv4 and one of IPv6. Without one the system
	// chooses.
	SourceAddresses []netip.Addr
	// InFlight is how many requests may wait for answers at a time, over all devices, 0 for DefaultInFlightOverall. Requests
	// to devices that are overdue do not count. Where the system holds fewer packets for us, fewer are under way.
	InFlight int
}

// DefaultInFlightOverall is how many requests may wait for answers at a time.
const DefaultInFlightOverall = 4096

// mostLoops is how many loops there are at most, each with a socket of IPv4 and one of IPv6.
const mostLoops = 4

// loops is how many loops an engine has. One keeps up with what half a dozen processors have to do with its answers, and the
// more a loop has to do, the more packets go with a system call.
var loops = sync.OnceValue(func() int { return min(mostLoops, max(1, runtime.GOMAXPROCS(0)/2)) })

// Engine asks devices. All methods may be called from any goroutine.
type Engine struct {
	began    time.Time
	closed   atomic.Bool
	inFlight int
	sources  [2]netip.Addr // IPv4, IPv6
	seed     maphash.Seed
	loops    []*loop
	names    *resolver
	users    users
	maker    workers // of keys that take long
	readers  sync.WaitGroup
	open     func(network string, source netip.Addr) (socket, error)
}

// New makes an Engine. Sockets are opened when they are first needed.
func New(o Options) (*Engine, error) {
	e := &Engine{
		began: time.Now(), inFlight: o.InFlight, names: newResolver(), seed: maphash.MakeSeed(),
		sources: [2]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()},
		maker:   workers{most: runtime.GOMAXPROCS(0)},
		open:    openSocket,
	}
	if e.inFlight <= 0 {
		e.inFlight = DefaultInFlightOverall
	}
	for _, addr := range o.SourceAddresses {
		addr = addr.Unmap()
		own := &e.sources[0]
		if addr.Is6() {
			own = &e.sources[1]
		}
		if !addr.IsValid() || !own.IsUnspecified() {
			return nil, fmt.Errorf("source addresses %v: at most one of IPv4 and one of IPv6 can be used", o.SourceAddresses)
		}
		*own = addr
	}
	for range loops() {
		e.loops = append(e.loops, newLoop(e))
	}
	return e, nil
}

// Close ends all calls with ErrClosed and waits until nothing is left of them.
func (e *Engine) Close() error {
	var failed []error
	e.closed.Store(true)
	for _, l := range e.loops {
		failed = append(failed, l.close())
	}
	e.names.close()
	e.maker.wait()
	e.readers.Wait()
	return errors.Join(failed...)
}

// close ends all jobs of the loop, and its sockets.
func (l *loop) close() error {
	l.mu.Lock()
	defer l.leave()
	l.closed = true
	l.timer.Stop()
	var jobs []*job
	for _, d := range l.devices {
		jobs = append(jobs, d.jobs...)
	}
	for _, j := range jobs {
		if j.device != nil {
			l.end(j, ErrClosed)
		}
	}
	var failed []error
	for i, c := range l.conns {
		if c != nil {
			failed = append(failed, c.socket.Close())
			l.conns[i] = nil
		}
	}
	return errors.Join(failed...)
}

// clock is the time since the engine began, in nanoseconds.
func (e *Engine) clock() int64 { return int64(time.Since(e.began)) }

// source is the address that packets to another come from.
func (e *Engine) source(to netip.Addr) netip.Addr {
	if to.Is6() {
		return e.sources[1]
	}
	return e.sources[0]
}

// Do asks a device and waits until all is there, or cannot come. The end of ctx ends it, with what came until then.
// The target and the request must not change meanwhile.
func (e *Engine) Do(ctx context.Context, t *Target, r *Request) *Result {
	done := make(chan *Result, 1)
	e.Start(ctx, t, r, func(result *Result) { done <- result })
	return <-done
}

// Start asks a device and calls done once with all that came, in a goroutine that must not be held up: done may start
// further requests, but must not wait. Where nothing can be sent, done is called before Start returns, as it is for a target
// with an Agent. The end of ctx ends the request with what came until then. The target and the request must not change
// before done is called.
//
// The first call with passphrases of version 3 takes some milliseconds to make keys of them.
func (e *Engine) Start(ctx context.Context, t *Target, r *Request, done func(*Result)) {
	j := newJob(t, r)
	j.done = done
	if t.Agent != nil {
		m := newMemory()
		j.attach(&m, &planner{})
		askAgent(ctx, j)
		done(j.result())
		return
	}
	host, addr, port, err := splitAddress(t.Address)
	if err == nil && t.Credentials.Version == V3 {
		j.user, err = e.users.get(&t.Credentials)
	}
	switch {
	case e.closed.Load():
		e.refuse(j, ErrClosed)
	case err != nil:
		e.refuse(j, err)
	case ctx.Err() != nil:
		e.refuse(j, deadline(context.Cause(ctx)))
	case addr.IsValid():
		e.begin(ctx, j, addr, port)
	default:
		e.resolve(ctx, j, host, port)
	}
}

// refuse ends a job that no loop has.
func (e *Engine) refuse(j *job, err error) {
	j.abort(err)
	j.done(j.result())
}

// begin hands a job to the loop of its address.
func (e *Engine) begin(ctx context.Context, j *job, addr netip.Addr, port uint16) {
	addr, err := numberedZone(addr)
	switch {
	case err != nil:
		e.refuse(j, fmt.Errorf("%w: %w", ErrUnreachable, err))
	case j.over():
		j.done(j.result())
	default:
		to := netip.AddrPortFrom(addr, port)
		e.loop(to).start(ctx, j, to)
	}
}

// loop is the loop that has a device.
func (e *Engine) loop(of netip.AddrPort) *loop {
	return e.loops[maphash.Comparable(e.seed, of)%uint64(len(e.loops))]
}

// resolve looks the host of a job up and begins it. While that takes, the end of ctx ends the job.
func (e *Engine) resolve(ctx context.Context, j *job, host string, port uint16) {
	var once sync.Once
	stop := context.AfterFunc(ctx, func() {
		once.Do(func() { e.refuse(j, deadline(context.Cause(ctx))) })
	})
	e.names.resolve(host, func(addr netip.Addr, err error) {
		once.Do(func() {
			stop()
			switch {
			case e.closed.Load():
				e.refuse(j, ErrClosed)
			case err != nil:
				e.refuse(j, fmt.Errorf("%w: %w", ErrUnreachable, err))
			default:
				e.begin(ctx, j, addr, port)
			}
		})
	})
}

// Resolve looks the host of a target up, if it is a name. The device is not asked. The end of ctx ends it.
func (e *Engine) Resolve(ctx context.Context, t *Target) error {
	host, addr, _, err := splitAddress(t.Address)
	if err == nil && !addr.IsValid() {
		found := make(chan error, 1)
		e.names.resolve(host, func(_ netip.Addr, err error) { found <- err })
		select {
		case err = <-found:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.label(), err)
	}
	return nil
}
