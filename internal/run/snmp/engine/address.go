package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// DefaultPort is where agents listen.
const DefaultPort = 161

// splitAddress reads what Target.Address may be. addr is not valid for a name.
func splitAddress(text string) (host string, addr netip.Addr, port uint16, err error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return text, addr.Unmap(), DefaultPort, nil
	}
	host, number, port := text, "", DefaultPort
	if inner, found := strings.CutPrefix(text, "["); found {
		inner, rest, closed := strings.Cut(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !closed || err != nil || rest != "" && rest[0] != ':' {
			return "", addr, 0, fmt.Errorf("address %q is not of the form [IPv6]:port", text)
		}
		host, number = inner, strings.TrimPrefix(rest, ":")
		if rest != "" && number == "" {
			number = "?"
		}
	} else if name, rest, found := strings.Cut(text, ":"); strings.Contains(rest, ":") {
		return "", addr, 0, fmt.Errorf("address %q is not of the form [IPv6]:port", text)
	} else if found {
		host, number = name, rest
		if number == "" {
			number = "?"
		}
	}
	if number != "" {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n == 0 {
			return "", addr, 0, fmt.Errorf("address %q: the port must be a number from 1 to 65535", text)
		}
		port = uint16(n)
	}
	if host == "" {
		return "", addr, 0, fmt.Errorf("address %q has no host", text)
	}
	if parsed, err := netip.ParseAddr(host); err == nil {
		addr = parsed.Unmap()
	}
	return host, addr, port, nil
}

// numberedZone replaces the name in the zone of a link-local address with the interface's number, as it comes in packets.
func numberedZone(addr netip.Addr) (netip.Addr, error) {
	if addr.Zone() == "" {
		return addr, nil
	}
	if _, err := strconv.ParseUint(addr.Zone(), 10, 32); err == nil {
		return addr, nil
	}
	i, err := net.InterfaceByName(addr.Zone())
	if err != nil {
		return addr, err
	}
	return addr.WithZone(strconv.Itoa(i.Index)), nil
}

// The bounds of looking names up.
const (
	namesKept   = time.Minute
	mostNames   = 65536
	mostLookups = 16
	lookupTime  = 10 * time.Second
)

// resolver looks names up, each once at a time, and keeps the answers. Its lock guards all of it.
type resolver struct {
	mu      sync.Mutex
	names   map[string]*resolved
	workers workers
	ctx     context.Context
	stop    context.CancelFunc
	lookup  func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

type resolved struct {
	addr    netip.Addr
	err     error
	until   time.Time
	waiting []func(netip.Addr, error)
}

func newResolver() *resolver {
	r := &resolver{names: map[string]*resolved{}, lookup: net.DefaultResolver.LookupNetIP, workers: workers{most: mostLookups}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// resolve calls then with the address of a name, at once if it is known, or from another goroutine.
func (r *resolver) resolve(host string, then func(netip.Addr, error)) {
	r.mu.Lock()
	name := r.names[host]
	if name != nil && time.Now().Before(name.until) {
		r.mu.Unlock()
		then(name.addr, name.err)
		return
	}
	if name == nil {
		if len(r.names) >= mostNames {
			r.forget()
		}
		name = &resolved{}
		r.names[host] = name
	}
	if name.waiting = append(name.waiting, then); len(name.waiting) == 1 {
		r.workers.add(func() { r.look(host, name) })
	}
	r.mu.Unlock()
}

// forget makes room for a name.
func (r *resolver) forget() {
	for host, name := range r.names {
		if len(name.waiting) == 0 {
			delete(r.names, host)
			return
		}
	}
}

// look looks a name up and tells those who wait for it.
func (r *resolver) look(host string, name *resolved) {
	addr, err := r.ask(host)
	r.mu.Lock()
	if err == nil || !name.addr.IsValid() { // a known address outlives an outage of the name server
		name.addr, name.err = addr, err
	}
	name.until = time.Now().Add(namesKept)
	addr, err = name.addr, name.err
	waiting := name.waiting
	name.waiting = nil
	r.mu.Unlock()
	for _, then := range waiting {
		then(addr, err)
	}
}

func (r *resolver) ask(host string) (addr netip.Addr, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, lookupTime)
	defer cancel()
	for _, network := range []string{"ip4", "ip6"} {
		addrs, failed := r.lookup(ctx, network, host)
		if failed == nil && len(addrs) > 0 {
			return addrs[0].Unmap(), nil
		}
		if err == nil {
			err = failed
		}
	}
	if err == nil {
		err = errors.New("the name has no address")
	}
	return addr, err
}

// close ends all look-ups and waits for them.
func (r *resolver) close() {
	r.stop()
	r.workers.wait()
}
