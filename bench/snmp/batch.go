package main

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// atOnce is how many packets a system call takes, and packetSize the most bytes of one.
const (
	atOnce     = 64
	packetSize = 2048
)

// packets are what one system call receives or sends. What Linux wants is beside it: buffers, addresses, and for the fleet
// the address of its own that a packet came to or leaves from.
type packets struct {
	heads [atOnce]struct {
		unix.Msghdr
		size uint32
	}
	iovs     [atOnce]unix.Iovec
	names    [atOnce]unix.RawSockaddrInet4
	controls [atOnce][32]byte
	buffers  [atOnce][packetSize]byte
	n        int
	own      bool // packets tell own addresses
}

// udp is a socket without a connection that a thread waits on, so that no runtime stands between it and the system.
type udp struct{ fd int }

// listen opens a socket on a port, 0 for any. own lets packets tell which of our addresses they came to.
func listen(port int, own bool) udp {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	const buffer = 16 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, buffer)
	}
	if own {
		must(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
	}
	must(unix.Bind(fd, &unix.SockaddrInet4{Port: port}))
	return udp{fd}
}

func (u udp) port() int {
	name, err := unix.Getsockname(u.fd)
	must(err)
	return name.(*unix.SockaddrInet4).Port
}

// receive waits for packets.
func (u udp) receive(p *packets) {
	for i := range atOnce {
		p.prepare(i, packetSize)
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(u.fd), uintptr(unsafe.Pointer(&p.heads[0])), atOnce, unix.MSG_WAITFORONE, 0, 0)
		if errno == 0 {
			p.n = int(n)
			return
		}
		if errno != unix.EINTR {
			panic(errno)
		}
	}
}

// send sends what was added.
func (u udp) send(p *packets) {
	for from := 0; from < p.n; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(u.fd), uintptr(unsafe.Pointer(&p.heads[from])), uintptr(p.n-from), 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			panic(errno)
		}
		from += int(n)
	}
	p.n = 0
}

func (p *packets) prepare(i, size int) {
	h := &p.heads[i].Msghdr
	p.iovs[i].Base = &p.buffers[i][0]
	p.iovs[i].SetLen(size)
	h.Iov = &p.iovs[i]
	h.SetIovlen(1)
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&p.names[i])), unix.SizeofSockaddrInet4
	if p.own {
		h.Control = &p.controls[i][0]
		h.SetControllen(len(p.controls[i]))
	}
}

// packet is the i-th that was received.
func (p *packets) packet(i int) []byte { return p.buffers[i][:p.heads[i].size] }

// full says that send has to come before another packet is added.
func (p *packets) full() bool { return p.n == atOnce }

// room is where the next packet to be sent is written; add says how long it became.
func (p *packets) room() []byte { return p.buffers[p.n][:] }

// add adds a packet to an address, from one of our own if that is told.
func (p *packets) add(size int, to unix.RawSockaddrInet4, own [4]byte) {
	p.names[p.n] = to
	p.prepare(p.n, size)
	if p.own {
		p.setOwn(p.n, own)
	}
	p.n++
}

// The control message that tells an own address: its head has 16 bytes, then come a number and two addresses.
const ownSource, ownTarget = 20, 24

// ownAddress is the address of ours that a packet came to.
func (p *packets) ownAddress(i int) [4]byte { return [4]byte(p.controls[i][ownTarget:]) }

func (p *packets) setOwn(i int, own [4]byte) {
	c := p.controls[i][:]
	clear(c)
	binary.NativeEndian.PutUint64(c, uint64(unix.CmsgLen(unix.SizeofInet4Pktinfo)))
	binary.NativeEndian.PutUint32(c[8:], unix.IPPROTO_IP)
	binary.NativeEndian.PutUint32(c[12:], unix.IP_PKTINFO)
	copy(c[ownSource:], own[:])
}

// sockaddr is an address as the system wants it.
func sockaddr(a netip.AddrPort) unix.RawSockaddrInet4 {
	s := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: a.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&s.Port))[:], a.Port())
	return s
}
