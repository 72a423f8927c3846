package python

import (
	"os"
	"time"
)

// installSettle is how long the folders of packages must have been left alone for a change to count: an installation
// takes a while.
const installSettle = 2 * time.Second

// installed tells whether packages were installed or removed, which changes the times of the folders they are in. A
// nil one never changes.
type installed struct {
	folders []string
	times   []time.Time
}

func newInstalled(folders []string) *installed {
	i := &installed{folders: folders}
	i.times, _ = i.look()
	return i
}

func (i *installed) look() (times []time.Time, newest time.Time) {
	for _, folder := range i.folders {
		var t time.Time
		if info, err := os.Stat(folder); err == nil {
			t = info.ModTime()
		}
		times = append(times, t)
		if t.After(newest) {
			newest = t
		}
	}
	return times, newest
}

func (i *installed) changed(now time.Time) bool {
	if i == nil {
		return false
	}
	times, newest := i.look()
	for n, t := range times {
		if !t.Equal(i.times[n]) {
			return now.Sub(newest) >= installSettle
		}
	}
	return false
}
