package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// options are what a turn of a contestant is told.
type options struct {
	contestant, kind string
	telegraf, python string // their programs
	port             int
	rows, devices    int
	all              bool // ask all devices at once
	window           time.Duration
}

// contestant polls devices once and returns the number of values that came, labels not counted.
type contestant interface {
	poll(devices []netip.AddrPort) (values int64)
}

// contestants by name.
var contestants = map[string]func(o *options) contestant{
	"engine":      func(o *options) contestant { return newWalker(o, false) },
	"engine v3":   func(o *options) contestant { return newWalker(o, true) },
	"floor":       func(o *options) contestant { return newFloor(o) },
	"gosnmp":      func(o *options) contestant { return newSessions(o, false) },
	"gosnmp v3":   func(o *options) contestant { return newSessions(o, true) },
	"tables":      func(o *options) contestant { return newTables(o) },
	"generic":     func(o *options) contestant { return newGeneric(o) },
	"python":      func(o *options) contestant { return newPython(o) },
	"telegraf":    func(o *options) contestant { return newTelegraf(o, 10) },
	"telegraf 50": func(o *options) contestant { return newTelegraf(o, 50) },
	"exporter":    func(o *options) contestant { return newExporter(o) },
}

// lastAnswered is when a device was last polled that answers, for those contestants that tell.
var lastAnswered atomic.Int64

// closing is called at the end of a turn.
var closing []func()

// figure is what a turn came to.
type figure struct {
	Micros  float64 // of processor time a value
	Devices float64 // a second of processor time
	Allocs  float64 // a value
	Packets float64 // a device
	Seconds float64 // until the last device was polled that answers
	Idle    float64 // bytes a device between polls
	Flight  float64 // bytes a device while all are polled, garbage not counted
	Process float64 // bytes a device that the process takes then
	Sockets int
	CPU     float64 // per cent of one core
}

// turn runs a contestant and writes its figure to the standard output.
func turn(o *options) {
	var f figure
	switch o.kind {
	case "cpu", "groups":
		f = cpuTurn(o)
	case "time":
		f = timeTurn(o)
	case "memory":
		f = memoryTurn(o)
	case "scale":
		f = scaleTurn(o)
	}
	for _, done := range closing {
		done()
	}
	must(json.NewEncoder(os.Stdout).Encode(f))
}

func (o *options) addresses() (all []netip.AddrPort) {
	for i := range o.devices {
		all = append(all, device(i, o.port))
	}
	return all
}

// warmPolls is how many polls come before one that counts.
const warmPolls = 2

// cpuTurn polls again and again.
func cpuTurn(o *options) (f figure) {
	all := o.addresses()
	c := contestants[o.contestant](o)
	want := int64(o.devices * o.rows * len(metrics))
	poll := func() {
		if got := c.poll(all); got != want {
			fmt.Fprintf(os.Stderr, "%s: %d values of %d\n", o.contestant, got, want)
		}
	}
	for range warmPolls {
		poll()
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	asked, cpu, n := packetsAsked(o.port), cpuTime(), 0
	for begin := time.Now(); time.Since(begin) < o.window; n++ {
		poll()
	}
	used := (cpuTime() - cpu).Seconds()
	runtime.ReadMemStats(&after)
	values := float64(int64(n) * want)
	f.Micros, f.Devices = used*1e6/values, float64(n*o.devices)/used
	f.Allocs = float64(after.Mallocs-before.Mallocs) / values
	f.Packets = float64(packetsAsked(o.port)-asked) / float64(n*o.devices)
	return f
}

// timeTurn polls all devices at once and tells how long that takes.
func timeTurn(o *options) (f figure) {
	all := o.addresses()
	o.all = true
	c := contestants[o.contestant](o)
	c.poll(all)
	begin := time.Now()
	c.poll(all)
	f.Seconds = time.Since(begin).Seconds()
	if last := lastAnswered.Load(); last != 0 {
		f.Seconds = time.Unix(0, last).Sub(begin).Seconds()
	}
	return f
}

// memoryTurn polls all devices a few at a time, as a schedule would, and looks at what is left; then it polls them all at
// once, and looks at memory and sockets meanwhile.
func memoryTurn(o *options) (f figure) {
	all := o.addresses()
	o.all = true
	c := contestants[o.contestant](o)
	c.poll(all[:1])
	base, _ := memory()
	if o.contestant == "tables" { // others have their memory elsewhere
		for part := range slices.Chunk(all, 250) {
			c.poll(part)
		}
	}
	idle, _ := memory()
	f.Idle = (idle - base) / float64(o.devices)
	done := make(chan struct{})
	go func() {
		c.poll(all)
		close(done)
	}()
	var room run.Room // while it is full no run makes groups, which would be counted although they are garbage soon
	if t, ours := c.(*tables); ours {
		room = t.room
	}
	for {
		select {
		case <-done:
			return f
		case <-time.After(o.window):
			for range cap(room) {
				room <- struct{}{}
			}
			heap, stacks := memory()
			for range cap(room) {
				<-room
			}
			f.Flight = max(f.Flight, (heap+stacks-base)/float64(o.devices))
			f.Process = max(f.Process, processMemory()/float64(o.devices))
			f.Sockets = max(f.Sockets, sockets())
		}
	}
}

// memory is what lives on the heap, and the stacks.
func memory() (heap, stacks float64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.StackInuse)
}

// processes are this one, those that it may have started, and those that these started.
func processes() []int {
	all := []int{os.Getpid()}
	for i := 0; i < len(all); i++ {
		all = append(all, bench.Children(all[i])...)
	}
	return all
}

// processMemory is all that the processes take.
func processMemory() (bytes float64) {
	for _, pid := range processes() {
		bytes += bench.PSS(pid)
	}
	return bytes
}

// sockets is how many sockets the processes have.
func sockets() (n int) {
	for _, pid := range processes() {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		must(err)
		for _, file := range files {
			if target, err := os.Readlink(file); err == nil && strings.HasPrefix(target, "socket:") {
				n++
			}
		}
	}
	return n
}

// packetsAsked is how many packets came to a fleet so far.
func packetsAsked(port int) uint64 {
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(device(0, port)))
	must(err)
	defer c.Close()
	must(c.SetDeadline(time.Now().Add(10 * time.Second)))
	_, err = c.Write(nil)
	must(err)
	var answer [8]byte
	_, err = c.Read(answer[:])
	must(err)
	return binary.BigEndian.Uint64(answer[:])
}

// cpuTime is the processor time of this process and of those that it may have started.
func cpuTime() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	used := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	for _, pid := range processes()[1:] {
		used += bench.ProcessorTime(pid)
	}
	return used
}
