package engine

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many packets one system call receives or sends.
const batch = 64

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	size uint32
}

// vectors are the arguments of recvmmsg and sendmmsg. The pointers in them point to each other and into buffers that whoever
// calls keeps.
type vectors struct {
	heads [batch]mmsghdr
	iovs  [batch][2]unix.Iovec
	names [batch]unix.RawSockaddrInet6 // large enough for both families
}

// point lets the i-th head be about some bytes and a name of some length.
func (v *vectors) point(i int, b []byte, nameLen int) {
	h, iov := &v.heads[i].Msghdr, &v.iovs[i][0]
	iov.Base = unsafe.SliceData(b)
	iov.SetLen(len(b))
	h.Iov = iov
	h.SetIovlen(1)
	h.Name = (*byte)(unsafe.Pointer(&v.names[i]))
	h.Namelen = uint32(nameLen)
}

// batchSocket receives and sends many packets with one system call.
type batchSocket struct {
	*net.UDPConn
	raw syscall.RawConn
	six bool

	out *vectors

	// The functions that raw is given, and what they work on: so none is made for each call.
	recv, xmit func(fd uintptr) bool
	in         *vectors
	received   int
	receiveErr error
	from, to   int
	sendErr    error
}

// inboxSystem is what a system keeps with packets that come.
type inboxSystem = *vectors

func openSocket(network string, source netip.Addr) (socket, error) {
	c, err := listen(network, source)
	if err != nil {
		return nil, err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	_ = raw.Control(func(fd uintptr) {
		// Beyond what the system allows everybody, where we may.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wantedBuffer)
	})
	s := &batchSocket{UDPConn: c, raw: raw, six: network == "udp6", out: &vectors{}}
	s.recv, s.xmit = s.receiveBatch, s.sendBatch
	return s, nil
}

func (s *batchSocket) receive(in *inbox) (int, error) {
	if s.in = in.system; s.in == nil {
		in.prepare(batch)
		in.system = &vectors{}
		s.in = in.system
		for i := range batch {
			s.in.point(i, in.buffers[i], unix.SizeofSockaddrInet6)
			// What is too large for its buffer goes on in one that is for all of them. Where two in a batch are so large, the
			// first is lost, as if on its way.
			rest := in.large[usualPacket:]
			s.in.iovs[i][1].Base = unsafe.SliceData(rest)
			s.in.iovs[i][1].SetLen(len(rest))
			s.in.heads[i].SetIovlen(2)
		}
	}
	for i := range s.received {
		s.in.heads[i].Namelen = unix.SizeofSockaddrInet6
	}
	if err := s.raw.Read(s.recv); err != nil {
		return 0, err
	}
	if s.receiveErr != nil {
		return 0, s.receiveErr
	}
	s.spread(in)
	return s.received, nil
}

// spread puts what was received into an inbox.
func (s *batchSocket) spread(in *inbox) {
	large := -1
	for i := range s.received {
		n := int(s.in.heads[i].size)
		in.packets[i], in.froms[i] = in.buffers[i][:min(n, usualPacket)], s.in.name(i)
		if n <= usualPacket {
			continue
		}
		if large >= 0 {
			in.packets[large] = nil
		}
		large = i
		in.packets[i] = in.large[:n]
	}
	if large >= 0 {
		copy(in.large, in.buffers[large])
	}
}

// receiveBatch receives what is there. It returns false if nothing is.
func (s *batchSocket) receiveBatch(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&s.in.heads[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		s.received, s.receiveErr = int(n), nil
	case unix.EAGAIN:
		return false
	case unix.EINTR: // the poller does not report again what is there
		s.received, s.receiveErr = 0, nil
	default:
		s.received, s.receiveErr = 0, errno
	}
	return true
}

// name is the address that the i-th packet came from.
func (v *vectors) name(i int) netip.AddrPort {
	n := &v.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&n.Port))[:])
	if n.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(n))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), port)
	}
	addr := netip.AddrFrom16(n.Addr)
	if n.Scope_id != 0 {
		addr = addr.WithZone(strconv.FormatUint(uint64(n.Scope_id), 10))
	}
	return netip.AddrPortFrom(addr, port)
}

// setName lets the i-th packet go to an address, and returns how long that is.
func (v *vectors) setName(i int, to netip.AddrPort) int {
	n := &v.names[i]
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&n.Port))[:], to.Port())
	if to.Addr().Is4() {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(n))
		four.Family, four.Addr = unix.AF_INET, to.Addr().As4()
		return unix.SizeofSockaddrInet4
	}
	n.Family, n.Addr, n.Scope_id = unix.AF_INET6, to.Addr().As16(), 0
	if zone := to.Addr().Zone(); zone != "" {
		scope, _ := strconv.ParseUint(zone, 10, 32) // numberedZone made it a number
		n.Scope_id = uint32(scope)
	}
	return unix.SizeofSockaddrInet6
}

func (s *batchSocket) send(out *outbox) {
	for from := 0; from < len(out.packets); {
		count := min(len(out.packets)-from, batch)
		for i := range count {
			s.out.point(i, out.packet(from+i), s.out.setName(i, out.packets[from+i].to))
		}
		sent := s.sendSome(count)
		if sent < count {
			out.fail(from+sent, s.sendErr)
			sent++ // the others may be fine
		}
		from += sent
	}
}

// sendSome sends the first packets of out and returns how many went. If not all did, sendErr is why the next did not.
func (s *batchSocket) sendSome(count int) (sent int) {
	s.from, s.to, s.sendErr = 0, count, nil
	for s.from < s.to && s.sendErr == nil {
		if err := s.raw.Write(s.xmit); err != nil {
			s.sendErr = err
		}
	}
	return s.from
}

// sendBatch sends what is left. It returns false if there is no room now.
func (s *batchSocket) sendBatch(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&s.out.heads[s.from])), uintptr(s.to-s.from), unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		s.from += int(n)
	case unix.EINTR:
	case unix.EAGAIN:
		return false
	default:
		s.sendErr = errno
	}
	return true
}

// packetCost is about what the system counts against a socket's buffer for an answer of one packet.
const packetCost = 2560

func (s *batchSocket) room() int {
	size := 0
	_ = s.raw.Control(func(fd uintptr) { size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
	return size / packetCost
}

// lost reads how many packets the socket had no room for: the last number of SO_MEMINFO, of which Linux before 4.12 has
// none.
func (s *batchSocket) lost() uint32 {
	var info [9]uint32
	const dropped = 8 // SK_MEMINFO_DROPS
	size := uint32(unsafe.Sizeof(info))
	_ = s.raw.Control(func(fd uintptr) {
		_, _, _ = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return info[dropped]
}
