package engine

import (
	"net/netip"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// device is what is kept of an address: as little as possible, since there are thousands that are idle. It belongs to the
// lock of its loop.
type device struct {
	addr   netip.AddrPort
	memory memory

	jobs     []*job // that are under way
	turn     int    // whose turn it is
	inFlight int32
	limit    int32
	waiting  bool // in the loop's queue for a place

	// silent is how often in a row a request was given up. An answer sets it to 0; it begins with 1.
	silent   int32
	rtt      int32 // the smoothed time to an answer in microseconds, 0 before the first
	heard    int64 // when the last answer came
	lastUsed int64

	pace      *pace      // for a device with a bound of packets a second
	authority *authority // for a device of version 3
}

// pace spaces the packets to a device.
type pace struct {
	alarm
	gap   int64 // nanoseconds a packet
	ahead int64 // how many nanoseconds of packets may go at once
	next  int64 // when a packet may go, if nothing is left of ahead
}

// allow says whether a packet may go now, and takes its place if so.
func (p *pace) allow(now int64) bool {
	if p == nil {
		return true
	}
	if p.next = max(p.next, now-p.ahead); p.next > now {
		return false
	}
	p.next += p.gap
	return true
}

// setLimits takes the limits of a target, of which the last one asked for holds.
func (d *device) setLimits(t *Target) {
	d.limit = int32(min(t.inFlight(), 1<<16))
	if t.PacketsPerSecond <= 0 {
		return // a pace that is there stays until all its jobs are done
	}
	if d.pace == nil {
		d.pace = &pace{alarm: alarm{d: d}}
	}
	gap := float64(time.Second) / t.PacketsPerSecond
	d.pace.gap = int64(min(gap, float64(time.Hour)))
	d.pace.ahead = max(0, int64(time.Second/10)-d.pace.gap)
}

// allowed is how many requests may be under way. A device that does not answer gets one at a time.
func (d *device) allowed() int32 {
	if d.silent > 0 {
		return 1
	}
	return d.limit
}

// Patience is how long an answer is waited for before the place that its request has among all requests is given to
// another device: so devices that do not answer, which may be many, keep nobody waiting.
const (
	patienceUnknown = 500 * time.Millisecond
	patienceSilent  = 100 * time.Millisecond
	patienceLeast   = 50 * time.Millisecond
)

func (d *device) patience() int64 {
	switch {
	case d.silent > 1:
		return int64(patienceSilent)
	case d.rtt == 0:
		return int64(patienceUnknown)
	}
	return max(int64(patienceLeast), 4*int64(d.rtt)*int64(time.Microsecond))
}

// answered notes an answer that took some time.
func (d *device) answered(now int64, took int64) {
	d.heard, d.silent = now, 0
	micros := int32(min(max(took/int64(time.Microsecond), 1), 1<<30))
	if d.rtt == 0 {
		d.rtt = micros
	} else {
		d.rtt += (micros - d.rtt) / 8
	}
}

func (d *device) add(j *job) { d.jobs = append(d.jobs, j) }

func (d *device) remove(j *job) {
	for i, other := range d.jobs {
		if other == j {
			d.jobs = append(d.jobs[:i], d.jobs[i+1:]...)
			break
		}
	}
	if len(d.jobs) == 0 {
		d.jobs, d.turn = nil, 0
		if d.authority != nil {
			d.authority.rest()
		}
	}
}

// authority is the engine of version 3 behind an address. When it turns out to be another, a new one takes its place.
type authority struct {
	engineID []byte // nil before it is known
	boots    int32
	time     int32 // the latest that came
	came     int64 // when it came
	asked    *exchange
	sessions []session
}

// session is a user of an engine.
type session struct {
	user   *usm.User
	keys   *usm.Keys // nil before they are made
	making bool
}

// mostSessions is how many users a device may have at a time.
const mostSessions = 16

// now is the engine's time, which goes on since it told it.
func (a *authority) now(clock int64) int32 {
	return int32(min(int64(a.time)+(clock-a.came)/int64(time.Second), 1<<31-1))
}

// The window of time in which messages must lie (RFC 3414, section 3.2, step 7), in seconds.
const (
	timeWindow = 150
	lastBoots  = 1<<31 - 1
)

// accepts checks the time of a message that is authentic, and learns it if it is later than what is known.
func (a *authority) accepts(boots, time int32, clock int64) bool {
	if boots == lastBoots || boots < a.boots || boots == a.boots && int64(time) < int64(a.now(clock))-timeWindow {
		return false
	}
	a.learn(boots, time, clock)
	return true
}

func (a *authority) learn(boots, time int32, clock int64) {
	if boots > a.boots || boots == a.boots && time > a.time {
		a.boots, a.time, a.came = boots, time, clock
	}
}

// rest lets go what an idle device does not need.
func (a *authority) rest() {
	for i := range a.sessions {
		if k := a.sessions[i].keys; k != nil {
			k.Rest()
		}
	}
}
