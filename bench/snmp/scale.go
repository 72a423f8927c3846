package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
)

// scaleTurn lets the receiver's scheduler poll each device once a minute, spread over it, for a part of that minute.
func scaleTurn(o *options) (f figure) {
	t := newTables(o)
	t.poll(o.addresses()) // so that it is not the first poll of any device
	var runs, values atomic.Int64
	var late atomic.Int64
	s := schedule.New(schedule.Settings[netip.AddrPort]{
		MaxConcurrent: 1024, Classes: []schedule.Class{{Places: 1024}},
		Breaker: schedule.Breaker{Failures: 3, Backoff: time.Minute, MaxBackoff: 10 * time.Minute},
		Run: func(_ context.Context, r schedule.Run[netip.AddrPort]) schedule.Result {
			late.Store(max(late.Load(), int64(r.Lateness)))
			values.Add(int64(t.run(r.Value)))
			runs.Add(1)
			return schedule.Result{Verdict: schedule.VerdictAlive}
		},
		Missed: func(netip.AddrPort, int64) { panic("a slot was missed") },
	})
	lane, now := s.OpenLane(0, 0), time.Now()
	for i, addr := range o.addresses() {
		last := now.Add(-time.Minute).Add(time.Minute * time.Duration(i) / time.Duration(o.devices))
		s.Add(lane, schedule.Spec{
			Hash: schedule.Hash([]byte("interfaces:" + strconv.Itoa(i))), Interval: time.Minute, Last: last, Group: s.OpenGroup(4, 0),
		}, addr)
	}
	s.Start()
	time.Sleep(3 * time.Second)
	cpu, begin, before := cpuTime(), time.Now(), runs.Load()
	time.Sleep(o.window)
	used, took, n := (cpuTime() - cpu).Seconds(), time.Since(begin).Seconds(), float64(runs.Load()-before)
	f.CPU, f.Devices = 100*used/took, n/took
	if got, want := values.Load(), runs.Load()*int64(o.rows*len(metrics)); got != want {
		fmt.Fprintf(os.Stderr, "%d values of %d; sockets that had no room for packets: %q\n", got, want, dropping())
	}
	return f
}

// dropping lists the UDP sockets of this machine that the system dropped packets of: ours, or the fleet's.
func dropping() (lines []string) {
	text, err := os.ReadFile("/proc/net/udp")
	must(err)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasSuffix(line, " 0") && !strings.HasSuffix(line, " drops") {
			lines = append(lines, line)
		}
	}
	return lines
}
