package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// tenure is a time in which a member owned a shard; end is 0 while it does.
type tenure struct {
	member     string
	begin, end int64
}

// fleet is members, each a process, and what they say.
type fleet struct {
	orders orders

	mu      sync.Mutex
	tenures [shards][]tenure
	members map[string]*member
}

type member struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
}

func newFleet(c *cluster, name string) *fleet {
	return &fleet{orders: orders{Brokers: c.brokers, Name: name}, members: map[string]*member{}}
}

func (f *fleet) start(name string) {
	o := f.orders
	o.Instance = name
	text, err := json.Marshal(o)
	must(err)
	m := &member{name: name, cmd: exec.Command(os.Args[0], "-member", string(text)), done: make(chan struct{})}
	m.cmd.Stderr = os.Stderr
	out, err := m.cmd.StdoutPipe()
	must(err)
	must(m.cmd.Start())
	f.mu.Lock()
	f.members[name] = m
	f.mu.Unlock()
	go func() {
		defer close(m.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			f.note(name, lines.Text())
		}
		_ = m.cmd.Wait()
	}()
}

func (f *fleet) note(member, line string) {
	var (
		sign rune
		s    int
		at   int64
	)
	if _, err := fmt.Sscanf(line, "%c %d %d", &sign, &s, &at); err != nil {
		fmt.Fprintln(os.Stderr, member, line)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if sign == '+' {
		f.tenures[s] = append(f.tenures[s], tenure{member: member, begin: at})
		return
	}
	f.end(s, member, at)
}

// end needs the lock.
func (f *fleet) end(s int, member string, at int64) {
	for i := range f.tenures[s] {
		if t := &f.tenures[s][i]; t.member == member && t.end == 0 {
			t.end = at
		}
	}
}

// stop ends a member by a signal. All that one owns that is killed ends there.
func (f *fleet) stop(name string, by syscall.Signal) {
	f.mu.Lock()
	m := f.members[name]
	delete(f.members, name)
	f.mu.Unlock()
	at := now()
	_ = m.cmd.Process.Signal(by)
	<-m.done
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.tenures {
		f.end(s, name, at)
	}
}

func (f *fleet) stopAll(by syscall.Signal) {
	for name := range f.members {
		f.stop(name, by)
	}
}

// settled waits until the members share all shards evenly.
func (f *fleet) settled() {
	deadline := time.Now().Add(2 * time.Minute)
	for !f.even() {
		if time.Now().After(deadline) {
			panic("the shards are not shared evenly after two minutes")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (f *fleet) even() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[string]int{}
	for s := range f.tenures {
		for _, t := range f.tenures[s] {
			if t.end == 0 {
				counts[t.member]++
			}
		}
	}
	n, total := len(f.members), 0
	for name := range f.members {
		if c := counts[name]; c < shards/n || c > (shards+n-1)/n {
			return false
		}
		total += counts[name]
	}
	return total == shards
}

// take forgets all tenures that have ended, and returns how long shards had no owner between two, and how many times one had
// two owners.
func (f *fleet) take() (gaps []time.Duration, doubles int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s, list := range f.tenures {
		slices.SortFunc(list, func(a, b tenure) int { return int(a.begin - b.begin) })
		for i := 1; i < len(list); i++ {
			gap := time.Duration(list[i].begin - list[i-1].end)
			if list[i-1].end == 0 || gap < 0 {
				doubles++
				continue
			}
			gaps = append(gaps, gap)
		}
		f.tenures[s] = slices.DeleteFunc(list, func(t tenure) bool { return t.end != 0 })
	}
	return gaps, doubles
}
