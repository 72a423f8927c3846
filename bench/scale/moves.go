package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

// stateBytes is what is handed over of a shard: its part of a million series, of 26.8 bytes each.
const stateBytes = 26_800_000 / shards

// session is the default.
const session = 15 * time.Second

// events are what makes shards move, by part of the benchmark.
var events = map[string]func(r *bench.Report, c *cluster, f *fleet){
	"planned": planned, "killed": killed, "coordinator": coordinatorKilled,
}

// moves measures for how long shards have no owner.
func moves(r *bench.Report, c *cluster, parts []string) {
	f := newFleet(c, "moves")
	defer f.stopAll(syscall.SIGKILL)
	for _, name := range []string{"a", "b", "c"} {
		f.start(name)
		f.settled()
	}
	f.restart("a", 3) // what the brokers have not compiled, and partitions never written to, take several times as long
	f.take()
	for _, part := range parts {
		if event := events[part]; event != nil {
			event(r, c, f)
		}
	}
}

// restart stops a member in order, and starts it, so many times.
func (f *fleet) restart(name string, times int) {
	for range times {
		f.stop(name, syscall.SIGTERM)
		f.settled()
		f.start(name)
		f.settled()
	}
}

func planned(r *bench.Report, _ *cluster, f *fleet) {
	f.restart("a", 4)
	f.report(r, "planned move", time.Second)
}

func killed(r *bench.Report, _ *cluster, f *fleet) {
	for range 2 {
		f.stop("b", syscall.SIGKILL)
		f.settled()
		f.start("b")
		f.settled()
	}
	f.report(r, "kill -9", session+time.Second)
}

func coordinatorKilled(r *bench.Report, c *cluster, f *fleet) {
	for range 2 {
		node := c.coordinator(f.orders.Name)
		c.order("kill", node)
		time.Sleep(session)
		c.order("up", node)
		time.Sleep(2 * time.Second)
		f.settled()
	}
	f.report(r, "coordinator killed", 500*time.Millisecond)
}

func (f *fleet) report(r *bench.Report, event string, limit time.Duration) {
	gaps, doubles := f.take()
	longest := 2 * lookEvery // which is not seen
	if len(gaps) == 0 {
		fmt.Printf("%s: no shard was seen without owner\n", event)
	} else {
		slices.Sort(gaps)
		longest = gaps[len(gaps)-1]
		fmt.Printf("%s: %d times without owner, median %s, 90 of 100 %s, most %s; %d times two owners\n", event, len(gaps),
			ms(gaps[len(gaps)/2]), ms(gaps[len(gaps)*9/10]), ms(longest), doubles)
	}
	r.Add(bench.Row{Measure: event + ": longest without owner", Ours: longest.Seconds(), Unit: "s", Peer: "limit", PeerValue: limit.Seconds(), Required: 1})
	if doubles > 0 {
		panic("there were two owners")
	}
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// members is how many take part where the brokers' work is measured.
const members = 10

// brokers measures what members cost the brokers, beyond what the partitions of their topic cost without them, before and after.
func brokers(r *bench.Report, c *cluster, during time.Duration) {
	f := newFleet(c, "brokers")
	defer f.stopAll(syscall.SIGKILL)
	f.start("m0")
	f.settled() // and the topic is there
	f.stop("m0", syscall.SIGTERM)
	c.warm(f.orders.Name, during)
	idle := c.share(during) / 2
	for i := range members {
		f.start(fmt.Sprint("m", i))
	}
	f.settled()
	time.Sleep(session) // while changes are likely, members ask more often
	busy := c.share(during)
	f.stopAll(syscall.SIGTERM)
	time.Sleep(session)
	idle += c.share(during) / 2
	fmt.Printf("%d brokers: %.2f %% of a core without members, %.2f %% with %d\n", nodes, 100*idle, 100*busy, members)
	r.Add(bench.Row{
		Measure: fmt.Sprintf("%d members: of a core of the brokers", members), Ours: 100 * (busy - idle), Unit: "%",
		Peer: "limit", PeerValue: 2, Required: 1,
	})
}
