package engine

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// loop has a share of the devices, with sockets of its own. All its fields, its devices and their jobs belong to mu.
//
// Whoever locks mu unlocks it with leave, and nothing that is called in between locks it again: leave sends what is to be
// sent and calls the done functions of jobs that ended, with mu free. Those who lock it are start, cancel, the goroutine that
// reads a socket, the timer, and the goroutines that make keys.
type loop struct {
	engine *Engine

	mu      sync.Mutex
	devices map[netip.AddrPort]*device
	sent    map[int32]pending // by request id: each try of all exchanges under way
	alarms  alarms
	timer   *time.Timer
	armed   int64 // when the timer rings
	ended   []*job
	held    int // how many goroutines are in done functions, and send afterwards
	spare   []*exchange
	conns   [2]*conn // IPv4, IPv6

	queue    []*device // that wait for a place
	under    int       // exchanges under way
	inFlight int       // places that they take
	window   int       // places that there are
	checked  int64     // when the window was last checked
	lost     uint32    // what the sockets had dropped by then

	notes    map[*device]*note
	planner  planner
	coder    usm.Coder
	builder  ber.Builder
	message  message.Message
	random   *rand.ChaCha8
	number   uint64 // of the last encrypted message
	dropped  [drops]uint64
	counters Counters
	closed   bool
}

// pending is a try that may be answered.
type pending struct {
	x   *exchange
	try int32
}

// transit is what an exchange needs on its way.
type transit struct {
	alarm
	device *device
	tries  []try
	due    int64 // when this try is over
	retry  int   // how often it was sent for want of an answer
	again  int   // how often it was sent since a report asked for it
	placed bool  // it takes a place of the loop

	discovery bool // it asks for the engine's ID
	authority *authority
	keys      *usm.Keys
}

// try is one packet.
type try struct {
	id    int32
	shape shape
	sent  int64
}

// never is later than all alarms.
const never = math.MaxInt64

func newLoop(e *Engine) *loop {
	l := &loop{
		engine: e, devices: map[netip.AddrPort]*device{}, sent: map[int32]pending{}, notes: map[*device]*note{},
		armed: never, window: max(1, e.inFlight/loops()),
	}
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	l.random = rand.NewChaCha8(seed)
	l.number = binary.BigEndian.Uint64(seed[:]) ^ l.random.Uint64()
	l.timer = time.AfterFunc(time.Hour, l.ring)
	return l
}

// start begins a job.
func (l *loop) start(ctx context.Context, j *job, addr netip.AddrPort) {
	l.mu.Lock()
	defer l.leave()
	now := l.engine.clock()
	d := l.device(addr, now)
	d.setLimits(j.target)
	j.attach(&d.memory, &l.planner)
	j.device = d
	d.add(j)
	if l.closed {
		l.end(j, ErrClosed)
		return
	}
	if ctx.Done() != nil {
		j.stop = context.AfterFunc(ctx, func() { l.cancel(j, context.Cause(ctx)) })
	}
	l.pump(d, now)
	l.settle(j)
}

// cancel ends a job before it is over.
func (l *loop) cancel(j *job, cause error) {
	l.mu.Lock()
	defer l.leave()
	if j.device != nil {
		l.end(j, deadline(cause))
		l.serve(l.engine.clock())
	}
}

// device returns the device of an address.
func (l *loop) device(addr netip.AddrPort, now int64) *device {
	d := l.devices[addr]
	if d == nil {
		if len(l.devices) >= mostDevices/loops() {
			l.forget()
		}
		d = &device{addr: addr, memory: newMemory(), silent: 1}
		l.devices[addr] = d
	}
	d.lastUsed = now
	return d
}

// mostDevices is how many devices are remembered.
const mostDevices = 1 << 17

// forget makes room for a device: of some that are idle the one that was not used for the longest time goes.
func (l *loop) forget() {
	var oldest *device
	looked := 0
	for _, d := range l.devices { // in random order
		if len(d.jobs) == 0 && (oldest == nil || d.lastUsed < oldest.lastUsed) {
			oldest = d
		}
		if looked++; looked == 32 && oldest != nil {
			break
		}
	}
	if oldest != nil {
		delete(l.devices, oldest.addr)
	}
}

// pump sends what a device may be asked now.
func (l *loop) pump(d *device, now int64) {
	for d.inFlight < d.allowed() {
		j, discovery := l.pick(d)
		if j == nil {
			return
		}
		if l.inFlight >= l.window {
			if !d.waiting {
				d.waiting = true
				l.queue = append(l.queue, d)
			}
			return
		}
		if !d.pace.allow(now) {
			l.alarms.set(&d.pace.alarm, d.pace.next)
			return
		}
		x := l.exchange(j, d)
		if x.discovery = discovery; discovery {
			x.kind = message.GetRequest
			d.authority.asked = x
			j.under++
		} else {
			j.next(x)
			x.keys = j.keys
		}
		x.authority = d.authority
		l.send(x, now)
	}
}

// pick returns the device's next job that has something to ask, or has to find out the engine before.
func (l *loop) pick(d *device) (j *job, discovery bool) {
	for range d.jobs {
		d.turn++
		j := d.jobs[d.turn%len(d.jobs)]
		if !j.ready() {
			continue
		}
		if j.user == nil {
			return j, false
		}
		switch l.secure(d, j) {
		case secured:
			return j, false
		case undiscovered:
			return j, true
		}
	}
	return nil, false
}

// serve lets devices that wait for a place have those that are free.
func (l *loop) serve(now int64) {
	for l.inFlight < l.window && len(l.queue) > 0 {
		d := l.queue[0]
		l.queue[0] = nil
		if l.queue = l.queue[1:]; len(l.queue) == 0 {
			l.queue = nil
		}
		d.waiting = false
		l.pump(d, now)
	}
}

// exchange takes an exchange for a job.
func (l *loop) exchange(j *job, d *device) *exchange {
	var x *exchange
	if n := len(l.spare); n > 0 {
		x, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		x = &exchange{}
	}
	x.job, x.device, x.placed = j, d, true
	x.alarm.x = x
	d.inFlight++
	l.under++
	l.inFlight++
	j.live = append(j.live, x)
	return x
}

// mostSpare is how many exchanges are kept for later.
const mostSpare = 1024

// remove takes an exchange that is answered, or will not be, out of everything.
func (l *loop) remove(x *exchange) {
	for _, t := range x.tries {
		delete(l.sent, t.id)
	}
	l.alarms.callOff(&x.alarm)
	l.unplace(x)
	l.under--
	x.device.inFlight--
	j := x.job
	for i, other := range j.live {
		if other == x {
			last := len(j.live) - 1
			j.live[i], j.live[last] = j.live[last], nil
			j.live = j.live[:last]
			break
		}
	}
	if a := x.device.authority; a != nil && a.asked == x {
		a.asked = nil
	}
}

// recycle keeps an exchange that was removed for later.
func (l *loop) recycle(x *exchange) {
	if len(l.spare) < mostSpare {
		*x = exchange{reads: x.reads[:0], columns: x.columns[:0], transit: transit{tries: x.tries[:0]}}
		l.spare = append(l.spare, x)
	}
}

func (l *loop) unplace(x *exchange) {
	if x.placed {
		x.placed = false
		l.inFlight--
	}
}

// settle ends a job if nothing of it is left to do.
func (l *loop) settle(j *job) {
	if j.device != nil && j.over() {
		l.end(j, nil)
	}
}

// end ends a job, with an error if it is not over.
func (l *loop) end(j *job, err error) {
	for len(j.live) > 0 {
		x := j.live[len(j.live)-1]
		l.remove(x)
		j.under--
		j.release(x)
		l.recycle(x)
	}
	if err != nil {
		j.abort(err)
	}
	d := j.device
	j.device = nil
	d.remove(j)
	if len(d.jobs) == 0 {
		delete(l.notes, d)
		if d.pace != nil {
			l.alarms.callOff(&d.pace.alarm)
		}
	}
	j.final = j.result()
	l.ended = append(l.ended, j)
	l.pump(d, l.engine.clock()) // another job may have waited for its turn
}

// leave calls the done functions of jobs that ended, sends what is to be sent, and frees the lock. What done functions start
// is sent together.
func (l *loop) leave() {
	for {
		if ended := l.ended; len(ended) > 0 {
			l.ended = nil
			l.held++
			l.mu.Unlock()
			for _, j := range ended {
				if j.stop != nil {
					j.stop()
				}
				j.done(j.final)
			}
			l.mu.Lock()
			l.held--
			continue
		}
		c := l.outgoing()
		if c == nil {
			l.arm()
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		c.socket.send(&c.sending)
		l.mu.Lock()
		c.busy = false
		l.undelivered(&c.sending)
	}
}

// outgoing returns a socket for which packets wait, unless somebody else is about to send to it.
func (l *loop) outgoing() *conn {
	if l.held > 0 {
		return nil
	}
	for _, c := range l.conns {
		if c != nil && !c.busy && len(c.waiting.packets) > 0 {
			c.busy = true
			c.waiting, c.sending = c.sending, c.waiting
			c.waiting.reset()
			return c
		}
	}
	return nil
}

// arm sets the timer to the next alarm.
func (l *loop) arm() {
	if len(l.alarms) > 0 && l.alarms[0].at < l.armed && !l.closed {
		l.armed = l.alarms[0].at
		l.timer.Reset(time.Duration(max(l.armed-l.engine.clock(), 0)))
	}
}

// ring is called by the timer.
func (l *loop) ring() {
	l.mu.Lock()
	defer l.leave()
	l.armed = never
	now := l.engine.clock()
	l.checkWindow(now)
	for len(l.alarms) > 0 && l.alarms[0].at <= now {
		a := l.alarms[0]
		l.alarms.callOff(a)
		if a.x != nil {
			l.overdue(a.x, now)
		} else {
			l.pump(a.d, now)
		}
	}
	l.serve(now)
}
