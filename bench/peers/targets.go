package main

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// targets answer what polls them, all behind one socket, and note when each was polled. A poll is the name of a target.
type targets struct {
	conn  *net.UDPConn
	mu    sync.Mutex
	polls map[string][]time.Time
}

func newTargets() *targets {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	must(conn.SetReadBuffer(4 << 20)) // a thousand may come at once
	t := &targets{conn: conn, polls: map[string][]time.Time{}}
	go t.serve()
	return t
}

func (t *targets) address() string { return t.conn.LocalAddr().String() }

func (t *targets) serve() {
	packet := make([]byte, 100)
	for {
		n, from, err := t.conn.ReadFromUDPAddrPort(packet)
		if err != nil {
			return
		}
		target := string(packet[:n])
		t.mu.Lock()
		t.polls[target] = append(t.polls[target], time.Now())
		count := len(t.polls[target])
		t.mu.Unlock()
		_, err = t.conn.WriteToUDPAddrPort(fmt.Appendf(nil, "%d %d 1", 123456789*count, count), from)
		must(err)
	}
}

// forget forgets all polls.
func (t *targets) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.polls)
}

// pace is how targets were polled in a time.
type pace struct {
	polls int
	// most is how many came within one second.
	most int
	// off is by how much the time since the poll before is another than the interval, of 99 polls of 100.
	off time.Duration
}

func (t *targets) pace(from time.Time, d time.Duration) pace {
	t.mu.Lock()
	defer t.mu.Unlock()
	var p pace
	var off []time.Duration
	seconds := map[int]int{}
	for _, times := range t.polls {
		for i, at := range times {
			since := at.Sub(from)
			if since < 0 || since >= d {
				continue
			}
			p.polls++
			seconds[int(since/time.Second)]++
			if i > 0 {
				off = append(off, (at.Sub(times[i-1]) - interval).Abs())
			}
		}
	}
	for _, n := range seconds {
		p.most = max(p.most, n)
	}
	if len(off) > 0 {
		slices.Sort(off)
		p.off = off[len(off)*99/100]
	}
	return p
}
