package engine

import (
	"errors"
	"net/netip"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// read takes packets off a socket until it is closed.
func (l *loop) read(s socket) {
	var in inbox
	for {
		n, err := s.receive(&in)
		if err != nil {
			if l.isClosed() {
				return
			}
			// Some systems tell here of packets that could not be delivered.
			time.Sleep(time.Millisecond)
			continue
		}
		l.mu.Lock()
		now := l.engine.clock()
		for i := range n {
			l.receive(in.packets[i], in.froms[i], now)
		}
		l.serve(now)
		l.leave()
	}
}

func (l *loop) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// receive takes a packet.
func (l *loop) receive(packet []byte, from netip.AddrPort, now int64) {
	l.counters.Received++
	m := &l.message
	if err := m.Read(packet); err != nil {
		l.drop(dropMalformed, l.devices[from], from)
		return
	}
	id := m.PDU.ID
	if m.Version == message.V3 {
		id = m.ID
	}
	p, found := l.sent[id]
	switch {
	case !found:
		l.drop(dropUnknown, l.devices[from], from)
	case from != p.x.device.addr && !p.x.job.target.AnySource:
		l.drop(dropSource, p.x.device, from)
	case m.Version != p.x.job.target.Credentials.wire():
		l.drop(dropVersion, p.x.device, from)
	case m.Version == message.V3:
		l.receiveV3(p, from, now)
	case string(m.Community) != string(p.x.job.target.Credentials.Community):
		l.drop(dropCommunity, p.x.device, from)
	case m.PDU.Type != message.Response:
		l.drop(dropKind, p.x.device, from)
	default:
		l.answered(p, len(packet), now)
	}
}

// answered hands the response in l.message to the job that waits for it.
func (l *loop) answered(p pending, size int, now int64) {
	x := p.x
	j, d := x.job, x.device
	try := x.tries[p.try]
	l.heard(j, d, try, size, now)
	l.remove(x)
	if p.try > 0 && try.shape.size < x.tries[0].shape.size {
		d.memory.shrink(int(x.tries[0].shape.size)) // the larger answers were lost
	}
	j.answer(x, try.shape, &l.message.PDU)
	l.recycle(x)
	l.pump(d, now)
	l.settle(j)
}

// heard notes that a device answered.
func (l *loop) heard(j *job, d *device, try try, size int, now int64) {
	took := now - try.sent
	d.answered(now, took)
	rtt := max(time.Duration(took), 1)
	if j.stats.RTT == 0 || rtt < j.stats.RTT {
		j.stats.RTT = rtt
	}
	j.stats.MaxRTT = max(j.stats.MaxRTT, rtt)
	j.stats.Received++
	j.stats.BytesReceived += size
}

// receiveV3 takes a message of version 3.
func (l *loop) receiveV3(p pending, from netip.AddrPort, now int64) {
	x, m := p.x, &l.message
	size := m.Size()
	if m.Flags&message.FlagAuth == 0 && (x.discovery || x.keys.Auth != usm.NoAuth) {
		// Only a report may come so: the agent could not authenticate it.
		if err := m.Open(&l.coder, nil); err != nil {
			l.drop(dropMalformed, x.device, from)
		} else if m.PDU.Type != message.Report {
			l.drop(dropLevel, x.device, from)
		} else {
			l.report(p, size, false, from, now)
		}
		return
	}
	a := x.authority
	if x.discovery || a != x.device.authority || string(m.EngineID) != string(a.engineID) {
		l.drop(dropEngine, x.device, from)
		return
	}
	if string(m.User) != x.job.user.Name {
		l.drop(dropUser, x.device, from)
		return
	}
	if err := m.Open(&l.coder, x.keys); err != nil {
		l.drop(whyUnopened(err), x.device, from)
		return
	}
	authentic := m.Flags&message.FlagAuth != 0
	if authentic && !a.accepts(m.Boots, m.Time, now) {
		l.drop(dropWindow, x.device, from)
		return
	}
	switch {
	case m.PDU.Type == message.Report:
		l.report(p, size, authentic, from, now)
	case m.PDU.Type != message.Response || m.PDU.ID != m.ID:
		l.drop(dropKind, x.device, from)
	case x.keys.Priv != usm.NoPriv && m.Flags&message.FlagPriv == 0:
		l.drop(dropLevel, x.device, from)
	default:
		l.answered(p, size, now)
	}
}

func whyUnopened(err error) drop {
	switch {
	case errors.Is(err, usm.ErrMAC):
		return dropMAC
	case errors.Is(err, message.ErrLevel):
		return dropLevel
	}
	return dropUnreadable
}
