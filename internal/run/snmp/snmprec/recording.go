package snmprec

import (
	"slices"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// maxAnswer is how many bytes of variables an answer may have: about what fits into a datagram.
const maxAnswer = 65000

// Recording is what a device has, in the order of SNMP. It answers requests as the device would (engine.Agent). It does not
// change, so it may be used from several goroutines.
type Recording struct {
	entries []entry
	encoded []byte // the variables as messages have them, one after the other
}

type entry struct {
	name  ber.OID
	begin uint32 // in encoded, up to the begin of the next
}

// New makes a recording of variables in any order. Of those with one name the last counts.
func New(variables []ber.Variable) (*Recording, error) {
	sorted := slices.Clone(variables)
	slices.SortStableFunc(sorted, func(a, b ber.Variable) int { return a.Name.Compare(b.Name) })
	r := &Recording{entries: make([]entry, 0, len(sorted)+1)}
	for i, v := range sorted {
		if i+1 < len(sorted) && sorted[i+1].Name == v.Name {
			continue
		}
		begin := uint32(len(r.encoded))
		var err error
		if r.encoded, err = ber.AppendVarBind(r.encoded, v); err != nil {
			return nil, err
		}
		r.entries = append(r.entries, entry{v.Name, begin})
	}
	return r, nil
}

// Len is the number of variables.
func (r *Recording) Len() int { return len(r.entries) }

// Variables returns what is recorded, in order.
func (r *Recording) Variables() []ber.Variable {
	all := make([]ber.Variable, 0, len(r.entries))
	for list := r.encoded; len(list) > 0; {
		raw, rest, _ := ber.ReadVarBind(list) // New wrote it
		v, _ := raw.Parse()
		all, list = append(all, v), rest
	}
	return all
}

// variable is the i-th variable as messages have it.
func (r *Recording) variable(i int) []byte {
	if i+1 < len(r.entries) {
		return r.encoded[r.entries[i].begin:r.entries[i+1].begin]
	}
	return r.encoded[r.entries[i].begin:]
}

// Answer answers a request as an agent of SNMPv2c. What is not there is a noSuchInstance.
func (r *Recording) Answer(request *message.PDU, room []byte) message.PDU {
	var names []ber.OID
	for list := request.Variables; len(list) > 0; {
		v, rest, err := ber.ReadVarBind(list)
		var name ber.OID
		if err == nil {
			name, err = ber.ParseContent(v.OID)
		}
		if err != nil {
			return message.PDU{Type: message.Response, Status: message.GenErr, Variables: room}
		}
		names, list = append(names, name), rest
	}
	switch request.Type {
	case message.GetRequest:
		for _, name := range names {
			room = r.get(name, room)
		}
	case message.GetNextRequest:
		for _, name := range names {
			_, room = r.next(name, room)
		}
	case message.GetBulkRequest:
		room = r.bulk(names, int(request.Status), int(request.Index), room)
	default:
		return message.PDU{Type: message.Response, Status: message.GenErr, Variables: room}
	}
	return message.PDU{Type: message.Response, Variables: room}
}

// find returns where a name is, or would be.
func (r *Recording) find(name ber.OID) (i int, found bool) {
	return slices.BinarySearchFunc(r.entries, name, func(e entry, name ber.OID) int { return e.name.Compare(name) })
}

func (r *Recording) get(name ber.OID, room []byte) []byte {
	if i, found := r.find(name); found {
		return append(room, r.variable(i)...)
	}
	return appendException(room, name, ber.NoSuchInstance)
}

// next appends what follows a name, and returns the name of that.
func (r *Recording) next(name ber.OID, room []byte) (ber.OID, []byte) {
	i, found := r.find(name)
	if found {
		i++
	}
	if i == len(r.entries) {
		return name, appendException(room, name, ber.EndOfMibView)
	}
	return r.entries[i].name, append(room, r.variable(i)...)
}

func (r *Recording) bulk(names []ber.OID, nonRepeaters, repetitions int, room []byte) []byte {
	nonRepeaters = min(max(nonRepeaters, 0), len(names))
	for _, name := range names[:nonRepeaters] {
		_, room = r.next(name, room)
	}
	repeaters := names[nonRepeaters:]
	for ended := false; repetitions > 0 && len(repeaters) > 0 && !ended; repetitions-- {
		ended = true
		for i, name := range repeaters {
			before := len(room)
			if repeaters[i], room = r.next(name, room); len(room) > maxAnswer {
				return room[:before]
			}
			ended = ended && repeaters[i] == name
		}
	}
	return room
}

func appendException(room []byte, name ber.OID, t ber.Type) []byte {
	room, _ = ber.AppendVarBind(room, ber.Variable{Name: name, Value: ber.ExceptionValue(t)}) // the name came in a message
	return room
}
