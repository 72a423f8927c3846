package engine

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// security is how far a job is with what version 3 needs before anything can be asked.
type security uint8

const (
	secured      security = iota
	undiscovered          // the engine has to be asked for its ID
	unsecured             // that is under way, or keys are being made
)

// secure prepares a job of version 3.
func (l *loop) secure(d *device, j *job) security {
	if d.authority == nil {
		d.authority = &authority{}
	}
	a := d.authority
	if a.engineID == nil {
		if a.asked != nil {
			return unsecured
		}
		return undiscovered
	}
	s := a.session(j.user)
	if s.keys == nil && !s.making {
		if j.user.Slow() {
			s.making = true
			l.engine.maker.add(func() { l.makeKeys(d, j.user, a.engineID) })
		} else {
			s.keys = j.user.Keys(a.engineID)
		}
	}
	if s.keys == nil {
		return unsecured
	}
	j.keys = s.keys
	return secured
}

// session returns the session of a user, of which the oldest goes where there are too many.
func (a *authority) session(u *usm.User) *session {
	for i := range a.sessions {
		if a.sessions[i].user == u {
			return &a.sessions[i]
		}
	}
	if len(a.sessions) == mostSessions {
		copy(a.sessions, a.sessions[1:])
		a.sessions = a.sessions[:mostSessions-1]
	}
	a.sessions = append(a.sessions, session{user: u})
	return &a.sessions[len(a.sessions)-1]
}

// makeKeys makes keys for which some milliseconds are needed, in a goroutine of its own.
func (l *loop) makeKeys(d *device, u *usm.User, engineID []byte) {
	keys := u.Keys(engineID)
	l.mu.Lock()
	defer l.leave()
	if a := d.authority; a != nil && bytes.Equal(a.engineID, engineID) {
		s := a.session(u)
		s.keys, s.making = keys, false
	}
	l.pump(d, l.engine.clock())
}

// The counters that reports carry (RFC 3414, section 5; RFC 3412, section 5; RFC 3413, section 4.1.2), and what they mean.
var (
	notInTimeWindow = ber.MustOID("1.3.6.1.6.3.15.1.1.2.0")
	unknownEngineID = ber.MustOID("1.3.6.1.6.3.15.1.1.4.0")

	reports = map[ber.OID]string{
		ber.MustOID("1.3.6.1.6.3.15.1.1.1.0"): "the device does not let the user ask at this level of security (usmStatsUnsupportedSecLevels): its authentication or encryption is another",
		notInTimeWindow:                       "the device does not take its own time (usmStatsNotInTimeWindows)",
		ber.MustOID("1.3.6.1.6.3.15.1.1.3.0"): "the device does not know the user (usmStatsUnknownUserNames)",
		unknownEngineID:                       "the device does not know its own engine (usmStatsUnknownEngineIDs)",
		ber.MustOID("1.3.6.1.6.3.15.1.1.5.0"): "the passphrase or the protocol for authentication is wrong (usmStatsWrongDigests)",
		ber.MustOID("1.3.6.1.6.3.15.1.1.6.0"): "the passphrase or the protocol for encryption is wrong (usmStatsDecryptionErrors)",
		ber.MustOID("1.3.6.1.6.3.11.2.1.1.0"): "the device does not know the user-based security model (snmpUnknownSecurityModels)",
		ber.MustOID("1.3.6.1.6.3.11.2.1.2.0"): "the device cannot read the request (snmpInvalidMsgs)",
		ber.MustOID("1.3.6.1.6.3.11.2.1.3.0"): "the device has nobody who answers (snmpUnknownPDUHandlers)",
		ber.MustOID("1.3.6.1.6.3.12.1.4.0"):   "the context is not available now (snmpUnavailableContexts)",
		ber.MustOID("1.3.6.1.6.3.12.1.5.0"):   "the device does not know the context (snmpUnknownContexts)",
	}
)

// mostAgain is how often an exchange is sent again since a report asks for it, and how often a job takes another engine.
const mostAgain = 2

// report takes a report: the answer to a discovery, a wish for another time or engine, or a refusal.
func (l *loop) report(p pending, size int, authentic bool, from netip.AddrPort, now int64) {
	x, m := p.x, &l.message
	j, d := x.job, x.device
	raw, _, err := ber.ReadVarBind(m.PDU.Variables)
	var v ber.Variable
	if err == nil {
		v, err = raw.Parse()
	}
	if err != nil {
		l.drop(dropMalformed, d, from)
		return
	}
	switch {
	case v.Name == unknownEngineID && (len(m.EngineID) == 0 || len(m.EngineID) > 64):
		l.drop(dropReport, d, from)
	case v.Name == unknownEngineID && j.restarts < mostAgain:
		l.heard(j, d, x.tries[p.try], size, now)
		d.authority = &authority{engineID: bytes.Clone(m.EngineID), boots: m.Boots, time: m.Time, came: now}
		j.restarts++
		l.restart(x, now)
	case v.Name == notInTimeWindow && !authentic:
		l.drop(dropReport, d, from) // its time would be anybody's
	case v.Name == notInTimeWindow && x.again < mostAgain:
		l.heard(j, d, x.tries[p.try], size, now)
		x.again++
		l.send(x, now) // the time was learned from the message
	default:
		l.heard(j, d, x.tries[p.try], size, now)
		text := reports[v.Name]
		if text == "" {
			text = "a report of " + v.Name.String()
		}
		l.end(j, fmt.Errorf("%w: %s", ErrAuthentication, text))
	}
}

// restart lets all that an exchange wants be asked anew, with the engine that is known now.
func (l *loop) restart(x *exchange, now int64) {
	j, d := x.job, x.device
	l.remove(x)
	j.under--
	j.release(x)
	j.bulk = x.raw
	l.recycle(x)
	l.pump(d, now)
}
