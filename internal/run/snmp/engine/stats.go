package engine

import (
	"bytes"
	"net/netip"
	"time"
)

// Counters count what an engine did since it began.
type Counters struct {
	Sent, Received uint64 // packets
	Retries        uint64 // packets that were sent again for want of an answer
	GivenUp        uint64 // requests without an answer in all tries
	Overflows      uint64 // packets that the system dropped since they came faster than they were taken
	InFlight       int    // requests that wait for an answer now
	Devices        int    // that are remembered
	// Dropped counts packets that were no answer, by why: late, twice or with another ID (unknown_id), from another address
	// (source), with another community, engine or user, with a wrong hmac, out of the time_window, malformed …
	Dropped map[string]uint64
}

// Counters returns what the engine did so far.
func (e *Engine) Counters() Counters {
	all := Counters{Dropped: map[string]uint64{}}
	for _, l := range e.loops {
		l.mu.Lock()
		c := &l.counters
		all.Sent += c.Sent
		all.Received += c.Received
		all.Retries += c.Retries
		all.GivenUp += c.GivenUp
		all.Overflows += c.Overflows
		all.InFlight += l.under
		all.Devices += len(l.devices)
		for why, n := range l.dropped {
			all.Dropped[dropNames[why]] += n
		}
		l.mu.Unlock()
	}
	return all
}

// Device is what the engine knows of a device.
type Device struct {
	// RTT is the smoothed time to an answer, 0 before the first.
	RTT time.Duration
	// AnswerSize is how large answers are planned, in bytes; Halved is how often that was halved.
	AnswerSize, Halved int
	// Columns is of how many columns the length is known.
	Columns int
	// EngineID, Boots and Time are those of version 3, nil and 0 before it was spoken.
	EngineID    []byte
	Boots, Time int32
}

// Device returns what is known of the device at an address.
func (e *Engine) Device(addr netip.AddrPort) (Device, bool) {
	l := e.loop(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.devices[addr]
	if d == nil {
		return Device{}, false
	}
	known := Device{
		RTT: time.Duration(d.rtt) * time.Microsecond, AnswerSize: int(d.memory.answer), Halved: int(d.memory.halved),
		Columns: len(d.memory.columns),
	}
	if a := d.authority; a != nil && a.engineID != nil {
		known.EngineID, known.Boots, known.Time = bytes.Clone(a.engineID), a.boots, a.now(e.clock())
	}
	return known, true
}
