package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sort"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// fleet are devices that all have the same variables, each with an address of its own, behind one socket. It is a process
// of its own: what it needs is not counted. Any answer has at most one packet of Ethernet, as agents' answers do.
type fleet struct {
	delay     time.Duration
	dead      bool // each tenth device answers nothing
	socket    udp
	variables []variable     // in order
	places    map[string]int // by the name's bytes

	user  *usm.User
	keys  map[[4]byte]*usm.Keys
	coder usm.Coder

	in, out packets
	message message.Message
	builder ber.Builder
	list    []byte
	number  uint64
	began   time.Time
	asked   uint64 // packets that came

	mu    sync.Mutex
	later []delayed
	woken chan struct{}
}

// variable is one of all devices: its name, and all of it as answers have it.
type variable struct {
	name ber.OID
	wire []byte
}

// delayed is an answer that waits.
type delayed struct {
	due    time.Time
	packet []byte
	to     unix.RawSockaddrInet4
	own    [4]byte
}

const largestAnswer = 1472

// serveFleet is the fleet's process. It says its port on the standard output.
func serveFleet(rows int, delay time.Duration, dead bool) {
	f := &fleet{delay: delay, dead: dead, socket: listen(0, true), places: map[string]int{}, keys: map[[4]byte]*usm.Keys{}, woken: make(chan struct{}, 1), began: time.Now()}
	var err error
	f.user, err = usm.NewUser(user, usm.SHA1, passphrase, usm.AES128, passphrase)
	must(err)
	f.add(ber.MustOID(uptime), ber.NumberValue(ber.TimeTicks, 123_456_789))
	for _, c := range slices.Concat(metrics, labels) {
		base := ber.MustOID(c.oid)
		for row := 1; row <= rows; row++ {
			f.add(base.Join(ber.MakeOID(uint32(row))), c.value(row))
		}
	}
	slices.SortFunc(f.variables, func(a, b variable) int { return a.name.Compare(b.name) })
	for i, v := range f.variables {
		name, err := v.name.AppendContent(nil)
		must(err)
		f.places[string(name)] = i
	}
	f.in.own, f.out.own = true, true
	fmt.Println(f.socket.port())
	if delay > 0 {
		go f.sendLater()
	}
	for {
		f.socket.receive(&f.in)
		for i := range f.in.n {
			f.answer(i)
			if f.out.full() {
				f.socket.send(&f.out)
			}
		}
		f.socket.send(&f.out)
	}
}

func (f *fleet) add(name ber.OID, value ber.Value) {
	wire, err := ber.AppendVarBind(nil, ber.Variable{Name: name, Value: value})
	must(err)
	f.variables = append(f.variables, variable{name, wire})
}

// answer answers a packet. One that is empty asks how many packets came so far.
func (f *fleet) answer(i int) {
	own, to := f.in.ownAddress(i), f.in.names[i]
	if f.in.heads[i].size == 0 {
		binary.BigEndian.PutUint64(f.out.room(), f.asked)
		f.out.add(8, to, own)
		return
	}
	f.asked++
	if f.dead && number(own)%10 == 9 {
		return
	}
	packet := f.reply(f.in.packet(i), own)
	switch {
	case packet == nil:
	case f.delay == 0:
		f.out.add(copy(f.out.room(), packet), to, own)
	default:
		f.mu.Lock()
		f.later = append(f.later, delayed{time.Now().Add(f.delay), slices.Clone(packet), to, own})
		f.mu.Unlock()
		select {
		case f.woken <- struct{}{}:
		default:
		}
	}
}

// sendLater sends answers when they are due: the delay is the same for all, so they are in order.
func (f *fleet) sendLater() {
	var out packets
	out.own = true
	for range f.woken {
		for {
			f.mu.Lock()
			batch := f.later
			f.later = nil
			f.mu.Unlock()
			if len(batch) == 0 {
				break
			}
			for _, d := range batch {
				if wait := time.Until(d.due); wait > 0 {
					f.socket.send(&out)
					time.Sleep(wait)
				}
				out.add(copy(out.room(), d.packet), d.to, d.own)
				if out.full() {
					f.socket.send(&out)
				}
			}
			f.socket.send(&out)
		}
	}
}

// reply is the answer to a packet, nil if it has none.
func (f *fleet) reply(packet []byte, own [4]byte) []byte {
	m := &f.message
	if err := m.Read(packet); err != nil {
		fmt.Fprintln(os.Stderr, "the fleet cannot read a packet:", err)
		return nil
	}
	f.builder.Reset()
	if m.Version == message.V3 {
		return f.replyV3(own)
	}
	if string(m.Community) != community {
		return nil
	}
	p := f.respond(&m.PDU)
	f.builder.Octets(ber.TagSequence, f.list)
	message.WriteCommunity(&f.builder, m.Version, community, &p)
	return f.builder.Bytes()
}

// unknownEngine is what an agent counts that is asked for its engine.
var unknownEngine = ber.MustOID("1.3.6.1.6.3.15.1.1.4.0")

func (f *fleet) replyV3(own [4]byte) []byte {
	m := &f.message
	id := append([]byte("\x80\x00\x1f\x88\x01"), own[:]...)
	out := message.Security{ID: m.ID, MaxSize: 65507, EngineID: id, Boots: 1, Time: int32(time.Since(f.began).Seconds()), ContextEngine: id}
	if len(m.EngineID) == 0 {
		must(m.Open(&f.coder, nil))
		f.list = f.list[:0]
		f.list, _ = ber.AppendVarBind(f.list, ber.Variable{Name: unknownEngine, Value: ber.NumberValue(ber.Counter32, 1)})
		f.builder.Octets(ber.TagSequence, f.list)
		must(out.Write(&f.builder, &message.PDU{Type: message.Report, ID: m.PDU.ID}, &f.coder, nil, 0))
		return f.builder.Bytes()
	}
	keys := f.keys[own]
	if keys == nil {
		keys = f.user.Keys(id)
		f.keys[own] = keys
	}
	if err := m.Open(&f.coder, keys); err != nil {
		fmt.Fprintln(os.Stderr, "the fleet cannot open a message:", err)
		return nil
	}
	out.User = m.User
	p := f.respond(&m.PDU)
	f.builder.Octets(ber.TagSequence, f.list)
	f.number++
	must(out.Write(&f.builder, &p, &f.coder, keys, f.number))
	return f.builder.Bytes()
}

// respond fills the list with what a request asks for.
func (f *fleet) respond(request *message.PDU) message.PDU {
	out := message.PDU{Type: message.Response, ID: request.ID}
	f.list = f.list[:0]
	var next [64]int
	var names [64][]byte
	n := 0
	for list := request.Variables; len(list) > 0 && n < len(next); n++ {
		v, rest, err := ber.ReadVarBind(list)
		must(err)
		names[n], list = v.OID, rest
		place, found := f.places[string(v.OID)]
		switch {
		case request.Type == message.GetRequest:
			if !found {
				f.exception(v.OID, ber.NoSuchInstance)
			} else {
				f.list = append(f.list, f.variables[place].wire...)
			}
		case found:
			next[n] = place + 1
		default:
			name, err := ber.ParseContent(v.OID)
			must(err)
			next[n] = sort.Search(len(f.variables), func(i int) bool { return f.variables[i].name.Compare(name) > 0 })
		}
	}
	once, repetitions := n, 0
	switch request.Type {
	case message.GetRequest:
		return out
	case message.GetBulkRequest:
		once, repetitions = min(int(request.Status), n), int(request.Index)
	}
	for i := range once {
		f.append(names[i], next[i])
	}
	for range repetitions {
		for i := once; i < n; i++ {
			if !f.append(names[i], next[i]) {
				return out
			}
			next[i]++
		}
	}
	return out
}

// append appends a variable to the list, if there is room.
func (f *fleet) append(name []byte, place int) bool {
	const overhead = 150
	if place >= len(f.variables) {
		f.exception(name, ber.EndOfMibView)
		return len(f.list) < largestAnswer-overhead
	}
	wire := f.variables[place].wire
	if len(f.list)+len(wire) > largestAnswer-overhead && len(f.list) > 0 {
		return false
	}
	f.list = append(f.list, wire...)
	return true
}

func (f *fleet) exception(name []byte, kind ber.Type) {
	f.list = append(f.list, ber.TagSequence, byte(len(name)+4), byte(ber.ObjectID), byte(len(name)))
	f.list = append(append(f.list, name...), byte(kind), 0)
}
