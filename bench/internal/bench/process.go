package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What Linux tells of processes. Of one that has ended there is nothing.

// ProcessorTime is what a process has used, by the scheduler's own count.
func ProcessorTime(pid int) (used time.Duration) {
	for _, text := range ofThreads(pid, "schedstat") {
		n, err := strconv.ParseInt(text[0], 10, 64)
		must(err)
		used += time.Duration(n)
	}
	return used
}

// Children are the processes that a process started, and that live.
func Children(pid int) (pids []int) {
	for _, text := range ofThreads(pid, "children") {
		for _, field := range text {
			n, err := strconv.Atoi(field)
			must(err)
			pids = append(pids, n)
		}
	}
	return pids
}

// Descendants are the processes that a process started, those that these did, and so on.
func Descendants(pid int) (pids []int) {
	for _, child := range Children(pid) {
		pids = append(append(pids, child), Descendants(child)...)
	}
	return pids
}

// clockTick is Linux' unit of the times in a process' stat.
const clockTick = 10 * time.Millisecond

// Times are what a process has used, and what those have that it started and that have ended.
func Times(pid int) (own, ended time.Duration) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // it may have ended
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, 0
	}
	var ticks [4]time.Duration
	for i := range ticks {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		must(err)
		ticks[i] = time.Duration(n)
	}
	return (ticks[0] + ticks[1]) * clockTick, (ticks[2] + ticks[3]) * clockTick
}

// ofThreads returns the fields of a file that each thread of a process has, of those that are not empty.
func ofThreads(pid int, name string) (texts [][]string) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/%s", pid, name))
	must(err)
	for _, file := range files {
		text, _ := os.ReadFile(file) // it may have ended
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			texts = append(texts, fields)
		}
	}
	return texts
}

// PSS is the memory of a process in bytes, where what it shares counts in part.
func PSS(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // it may have ended
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			must(err)
			return n * 1024
		}
	}
	return 0
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
