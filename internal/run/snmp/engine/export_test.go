package engine

import "net/netip"

// UsePlainSockets lets an engine use the sockets of systems that have nothing better.
func (e *Engine) UsePlainSockets() {
	e.open = func(network string, source netip.Addr) (socket, error) {
		c, err := listen(network, source)
		return plainSocket{c}, err
	}
}
