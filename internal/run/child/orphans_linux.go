package child

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ownerVariable is in the environment of each child, and of all that it starts: it names our process.
const ownerVariable = "PANOPTES_COLLECTOR"

// sweepInterval is the time between two looks at processes that were left.
const sweepInterval = 10 * time.Second

// namespace is where our numbers of processes count.
var namespace = sync.OnceValue(func() string {
	name, _ := os.Readlink("/proc/self/ns/pid") // "" where it cannot be told
	return name
})

// us names this process: a number alone would come again, and mean another process in another container.
var us = sync.OnceValue(func() string { return processID(os.Getpid()) })

// processID names a process; "" where there is none of this number.
func processID(pid int) string {
	_, begun := parentOf(pid)
	if begun == "" {
		return ""
	}
	return strings.Join([]string{strconv.Itoa(pid), begun, namespace()}, " ")
}

// parentOf is the number of the parent of a process, and when the process began, in ticks since the boot.
func parentOf(pid int) (parent int, begun string) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name before may have blanks
	fields := strings.Fields(string(rest))
	const parentField, beginField = 1, 19 // of proc(5), from the third on
	if len(fields) <= beginField {
		return 0, ""
	}
	parent, _ = strconv.Atoi(fields[parentField])
	return parent, fields[beginField]
}

// living are the children that have not been reaped. starting is held, for reading, from before a child is started until it
// is among them.
var (
	starting sync.RWMutex
	living   sync.Map
)

// SweepOrphans ends processes that children left behind in another process group or session, which the end of the child did
// not reach, until ctx is done: those of ours, and those of other Collectors that have ended. It looks every ten seconds. What
// takes our mark out of its environment is not found, nor is what another user started that we must not look at. killed is
// told of each.
func SweepOrphans(ctx context.Context, killed func(pid int, command string)) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		Sweep(killed)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep looks once.
func Sweep(killed func(pid int, command string)) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && isOrphan(pid) {
			endOrphan(pid, killed)
		}
	}
}

func endOrphan(pid int, killed func(pid int, command string)) {
	starting.Lock() // what is being started is known by now
	defer starting.Unlock()
	if !isOrphan(pid) {
		return
	}
	command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if syscall.Kill(pid, syscall.SIGKILL) != nil {
		return
	}
	var status syscall.WaitStatus
	_, _ = syscall.Wait4(pid, &status, syscall.WNOHANG, nil) // ours to reap where we are process 1
	killed(pid, strings.TrimSpace(string(bytes.ReplaceAll(command, []byte{0}, []byte{' '}))))
}

// isOrphan says whether a process has the mark of a Collector that does not know of it any more.
func isOrphan(pid int) bool {
	switch owner := ownerOf(pid); {
	case owner == "" || !strings.HasSuffix(owner, namespace()):
		return false
	case owner != us():
		number, _, _ := strings.Cut(owner, " ")
		collector, err := strconv.Atoi(number)
		return err == nil && processID(collector) != owner // it has ended
	}
	// One of ours is where it belongs as long as a child of ours is above it.
	for at := pid; at > 1 && at != os.Getpid(); {
		if _, ours := living.Load(at); ours {
			return false
		}
		parent, begun := parentOf(at)
		if begun == "" {
			return false // it is gone
		}
		at = parent
	}
	return true
}

// ownerOf is the mark in the environment of a process, "" for none.
func ownerOf(pid int) string {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		if value, ok := bytes.CutPrefix(v, []byte(ownerVariable+"=")); ok {
			return string(value)
		}
	}
	return ""
}

// startKnown starts a child that the sweep knows from the beginning.
func startKnown(cmd *exec.Cmd) error {
	starting.RLock()
	defer starting.RUnlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	living.Store(cmd.Process.Pid, cmd)
	return nil
}

// reaped tells that a child is gone. Its number may be that of another one by now.
func reaped(cmd *exec.Cmd) { living.CompareAndDelete(cmd.Process.Pid, cmd) }

// mark is what names us in the environment of children.
func mark() []string { return []string{ownerVariable + "=" + us()} }
