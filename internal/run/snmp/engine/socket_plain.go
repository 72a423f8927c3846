package engine

import (
	"net"
	"net/netip"
)

// plainSocket is a socket on any system: a packet at a time.
type plainSocket struct{ *net.UDPConn }

func (s plainSocket) receive(in *inbox) (int, error) {
	in.prepare(1)
	n, from, err := s.ReadFromUDPAddrPort(in.large)
	in.packets[0], in.froms[0] = in.large[:n], canonical(from)
	return 1, err
}

// canonical is an address as devices have it.
func canonical(from netip.AddrPort) netip.AddrPort {
	addr, err := numberedZone(from.Addr().Unmap())
	if err != nil {
		addr = from.Addr()
	}
	return netip.AddrPortFrom(addr, from.Port())
}

func (s plainSocket) send(out *outbox) {
	for i := range out.packets {
		if _, err := s.WriteToUDPAddrPort(out.packet(i), out.packets[i].to); err != nil {
			out.fail(i, err)
		}
	}
}

// room is what Windows and macOS hold at least of what was asked for.
func (s plainSocket) room() int { return 256 }

func (s plainSocket) lost() uint32 { return 0 }
