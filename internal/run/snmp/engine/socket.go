package engine

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// socket is a UDP socket that is not connected. One goroutine receives and one sends at a time.
type socket interface {
	// receive waits for packets and puts them into an inbox, or returns an error if the socket is closed.
	receive(in *inbox) (n int, err error)
	// send sends all packets of an outbox, and notes those that cannot be.
	send(out *outbox)
	// room is how many answers the system can hold until they are received, lost how many it had no room for so far.
	room() int
	lost() uint32
	Close() error
}

// conn is a socket of a loop with what is to be sent. All but the socket belongs to the loop's lock; sending belongs to who
// made the conn busy.
type conn struct {
	socket  socket
	waiting outbox
	sending outbox
	busy    bool
}

// outbox has packets that are to be sent.
type outbox struct {
	bytes   []byte
	packets []outgoing
	failed  []failure
}

type outgoing struct {
	end int // in bytes; it begins where the one before ends
	to  netip.AddrPort
	id  int32
}

// failure is a packet that could not be sent.
type failure struct {
	id   int32
	err  error
	full bool // there was no room
}

func (o *outbox) add(packet []byte, to netip.AddrPort, id int32) {
	o.bytes = append(o.bytes, packet...)
	o.packets = append(o.packets, outgoing{len(o.bytes), to, id})
}

func (o *outbox) packet(i int) []byte {
	begin := 0
	if i > 0 {
		begin = o.packets[i-1].end
	}
	return o.bytes[begin:o.packets[i].end]
}

func (o *outbox) fail(i int, err error) {
	full := errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EAGAIN)
	o.failed = append(o.failed, failure{o.packets[i].id, err, full})
}

func (o *outbox) reset() { o.bytes, o.packets, o.failed = o.bytes[:0], o.packets[:0], o.failed[:0] }

// conn returns the socket for an address.
func (l *loop) conn(addr netip.Addr) (*conn, error) {
	i, network := 0, "udp4"
	if addr.Is6() {
		i, network = 1, "udp6"
	}
	if l.conns[i] != nil {
		return l.conns[i], nil
	}
	s, err := l.engine.open(network, l.engine.source(addr))
	if err != nil {
		return nil, err
	}
	l.conns[i] = &conn{socket: s}
	l.window = max(min(l.window, s.room()), min(l.window, leastPlaces))
	l.engine.readers.Go(func() { l.read(s) })
	return l.conns[i], nil
}

// wantedBuffer is how many bytes of answers the system should hold for a socket. Most systems allow less.
const wantedBuffer = 8 << 20

// listen opens a UDP socket for one of the networks udp4 and udp6.
func listen(network string, source netip.Addr) (*net.UDPConn, error) {
	c, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0)))
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(wantedBuffer) // what it became is looked at
	_ = c.SetWriteBuffer(wantedBuffer)
	return c, nil
}

// inbox has packets that came.
type inbox struct {
	packets [][]byte
	froms   []netip.AddrPort
	buffers [][]byte
	// large has room for what does not fit into one of the buffers.
	large  []byte
	system inboxSystem
}

// usualPacket is what nearly all packets fit into.
const usualPacket = 4096

// prepare makes room for n packets.
func (in *inbox) prepare(n int) {
	if in.large != nil {
		return
	}
	in.large = make([]byte, maxDatagram+1)
	all := make([]byte, n*usualPacket)
	for len(all) > 0 {
		in.buffers = append(in.buffers, all[:usualPacket])
		all = all[usualPacket:]
	}
	in.packets, in.froms = make([][]byte, n), make([]netip.AddrPort, n)
}
