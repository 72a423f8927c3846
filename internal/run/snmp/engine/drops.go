package engine

import (
	"fmt"
	"net/netip"
)

// drop is why a packet was not taken as an answer.
type drop uint8

const (
	dropMalformed drop = iota
	dropUnknown
	dropKind
	dropVersion
	dropSource
	dropCommunity
	dropEngine
	dropUser
	dropLevel
	dropMAC
	dropWindow
	dropUnreadable
	dropReport
	drops // how many there are
)

var dropNames = [drops]string{
	dropMalformed: "malformed", dropUnknown: "unknown_id", dropKind: "no_response", dropVersion: "version", dropSource: "source",
	dropCommunity: "community", dropEngine: "engine", dropUser: "user", dropLevel: "level", dropMAC: "hmac",
	dropWindow: "time_window", dropUnreadable: "decryption", dropReport: "report",
}

var dropTexts = [drops]string{
	dropMalformed:  "is no message of SNMP",
	dropUnknown:    "has an ID that nothing waits for: it is late, came twice, or is forged",
	dropKind:       "is no response",
	dropVersion:    "is of another version",
	dropCommunity:  "has another community",
	dropEngine:     "is from another engine",
	dropUser:       "is for another user",
	dropLevel:      "is not authenticated and encrypted as the request was",
	dropMAC:        "has a wrong authentication code (HMAC): the passphrase may be wrong, or the answer is forged",
	dropWindow:     "is older than 150 seconds by its boots and time: it is a replay",
	dropUnreadable: "cannot be decrypted: the passphrase for encryption may be wrong",
	dropReport:     "is a report that cannot be trusted",
}

// note is what went wrong with packets of a device that has something under way.
type note struct {
	last  drop
	count int
	from  netip.AddrPort
}

func (n *note) String() string {
	text := dropTexts[n.last]
	if n.last == dropSource {
		text = fmt.Sprintf("came from %s: set any_source if that is the same device", n.from)
	}
	if n.count == 1 {
		return "a packet was dropped, which " + text
	}
	return fmt.Sprintf("%d packets were dropped, the last of which %s", n.count, text)
}

// drop counts a packet that is not taken, and remembers it for the device if that waits for an answer.
func (l *loop) drop(why drop, d *device, from netip.AddrPort) {
	l.dropped[why]++
	if d == nil || d.inFlight == 0 {
		return
	}
	n := l.notes[d]
	if n == nil {
		n = &note{}
		l.notes[d] = n
	}
	n.last, n.from = why, from
	n.count++
}
