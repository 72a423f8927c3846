//go:build !linux

package engine

import "net/netip"

// inboxSystem is what a system keeps with packets that come.
type inboxSystem struct{}

func openSocket(network string, source netip.Addr) (socket, error) {
	c, err := listen(network, source)
	if err != nil {
		return nil, err
	}
	return plainSocket{c}, nil
}
