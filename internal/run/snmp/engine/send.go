package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// maxDatagram is the largest message that we take.
const maxDatagram = 65507

// send sends an exchange in its present shape.
func (l *loop) send(x *exchange, now int64) {
	j, d := x.job, x.device
	if x.authority != d.authority {
		l.restart(x, now) // the engine is another than its keys were made for
		return
	}
	c, err := l.conn(d.addr.Addr())
	if err != nil {
		l.end(j, fmt.Errorf("%w: %w", ErrUnreachable, err))
		return
	}
	id := l.newID()
	l.sent[id] = pending{x, int32(len(x.tries))}
	x.tries = append(x.tries, try{id: id, shape: x.shape, sent: now})
	err = l.write(x, id, now)
	if n := l.builder.Len(); err == nil && n > maxDatagram {
		err = fmt.Errorf("a request of %d bytes, limit is %d", n, maxDatagram)
	}
	if err != nil {
		l.end(j, err)
		return
	}
	c.waiting.add(l.builder.Bytes(), d.addr, id)
	l.counters.Sent++
	j.stats.Sent++
	j.stats.BytesSent += l.builder.Len()
	x.due = now + int64(j.target.wait(x.retry))
	at := x.due
	if x.placed {
		at = min(at, now+d.patience())
	}
	l.alarms.set(&x.alarm, at)
}

// newID returns a request id that cannot be guessed and that nothing waits for.
func (l *loop) newID() int32 {
	for {
		id := int32(l.random.Uint64() >> 33)
		if _, taken := l.sent[id]; id != 0 && !taken {
			return id
		}
	}
}

// write makes the packet.
func (l *loop) write(x *exchange, id int32, now int64) error {
	b, j := &l.builder, x.job
	b.Reset()
	p := x.pdu(x.shape)
	p.ID = id
	credentials := &j.target.Credentials
	if credentials.Version != V3 {
		x.writeVariables(b, x.shape)
		message.WriteCommunity(b, credentials.wire(), string(credentials.Community), &p)
		return nil
	}
	security := message.Security{ID: id, MaxSize: maxDatagram, Flags: message.FlagReportable}
	if x.discovery {
		b.Head(ber.TagSequence, 0)
		return security.Write(b, &p, &l.coder, nil, 0)
	}
	x.writeVariables(b, x.shape)
	a := x.authority
	security.EngineID, security.Boots, security.Time = a.engineID, a.boots, a.now(now)
	security.User = []byte(j.user.Name)
	security.ContextEngine, security.Context = a.engineID, []byte(credentials.Context)
	l.number++
	return security.Write(b, &p, &l.coder, x.keys, l.number)
}

// wire is the number of the version in messages.
func (c *Credentials) wire() int32 {
	switch c.Version {
	case V1:
		return message.V1
	case V3:
		return message.V3
	}
	return message.V2c
}

// wait is how long the answer to a try is waited for. All tries together take Timeout x (Retries + 1), each longer than the
// one before: as 2, 3, 4 …
func (t *Target) wait(retry int) time.Duration {
	timeout, tries := t.Timeout, t.retries()+1
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return timeout * time.Duration(tries*(retry+2)) / time.Duration(tries*(tries+3)/2)
}

// mostRetries bounds Retries.
const mostRetries = 100

func (t *Target) retries() int { return min(max(t.Retries, 0), mostRetries) }

// overdue is what happens when an exchange's alarm rings: its place goes to another, or it is sent again, or given up.
func (l *loop) overdue(x *exchange, now int64) {
	if now < x.due {
		l.unplace(x)
		l.alarms.set(&x.alarm, x.due)
		return
	}
	if x.retry < x.job.target.retries() {
		x.retry++
		x.job.stats.Retries++
		l.counters.Retries++
		x.shape = x.retried(x.retry == x.job.target.retries())
		l.send(x, now)
		return
	}
	l.giveUp(x, now)
}

// giveUp ends an exchange that has no answer. If the device answered nothing meanwhile, its job ends, too: it would wait for
// each of the others. What is asked for alone since it may have no answer ends by itself, unless that happens again.
func (l *loop) giveUp(x *exchange, now int64) {
	j, d := x.job, x.device
	l.counters.GivenUp++
	err := l.silence(x, now)
	alone := !x.raw && !x.discovery && len(x.columns)+len(x.reads) == 1 && j.stats.Received > 0
	if alone && len(x.columns) == 1 {
		j.columns[x.columns[0]].silent = true
	}
	heard := d.heard >= x.tries[0].sent && !x.discovery
	goesOn := heard || alone && d.silent == 0
	if !heard {
		d.silent = min(d.silent+1, 1<<20)
	}
	if goesOn {
		l.remove(x)
		j.unanswered(x, err)
		l.recycle(x)
		l.settle(j)
	} else {
		d.authority = nil // its time may be what the device does not take any more
		l.end(j, err)
	}
	l.pump(d, now)
}

// silence says that no answer came, and what came in its place.
func (l *loop) silence(x *exchange, now int64) error {
	waited := time.Duration(now - x.tries[0].sent).Round(time.Millisecond)
	tries := "1 try"
	if n := len(x.tries); n > 1 {
		tries = fmt.Sprintf("%d tries", n)
	}
	if n := l.notes[x.device]; n != nil {
		return fmt.Errorf("%w in %s (%s); %s", ErrTimeout, waited, tries, n)
	}
	return fmt.Errorf("%w in %s (%s)", ErrTimeout, waited, tries)
}

// deadline is the error of a request whose context ended.
func deadline(cause error) error {
	if errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%w before the deadline: %w", ErrTimeout, cause)
	}
	return cause
}

// undelivered ends the jobs of packets that could not be sent. Packets that found no room are as good as lost on the way,
// and are sent again like those.
func (l *loop) undelivered(box *outbox) {
	for _, f := range box.failed {
		if p, found := l.sent[f.id]; found && !f.full {
			l.end(p.x.job, fmt.Errorf("%w: %w", ErrUnreachable, f.err))
		}
	}
	box.reset()
}

// least is how few places a loop has.
const leastPlaces = 64

// checkWindow adapts the number of places, once a second: where the system dropped packets since nobody took them in time,
// fewer answers may come at once; otherwise there are more again.
func (l *loop) checkWindow(now int64) {
	if now-l.checked < int64(time.Second) {
		return
	}
	l.checked = now
	lost := uint32(0)
	for _, c := range l.conns {
		if c != nil {
			lost += c.socket.lost()
		}
	}
	most := max(1, l.engine.inFlight/loops())
	if fresh := lost - l.lost; fresh > 0 && fresh < 1<<31 {
		l.counters.Overflows += uint64(fresh)
		l.window = min(most, max(leastPlaces, l.window/2))
	} else if l.window < most {
		l.window = min(most, l.window+max(1, l.window/8))
	}
	l.lost = lost
}
