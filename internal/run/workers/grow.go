package workers

import (
	"runtime"
	"slices"
	"time"
)

// measureFor is how long processes are looked at before a pool grows.
const measureFor = 200 * time.Millisecond

// Growth is how many processes a pool has that nobody gave a number: First are started as they are wanted, and more, up to Max,
// only while those there are wait for something else than a processor.
func Growth() (first, most int) {
	processors := runtime.GOMAXPROCS(0)
	return 2 * processors, min(max(8*processors, 32), 256)
}

// growLocked has the processes looked at where jobs wait, and only the pool's present size keeps another one from them.
func (p *Pool) growLocked() {
	if len(p.waiting) == 0 || p.measuring || p.most >= p.policy.Max || p.starting > 0 || len(p.workers) < p.most {
		return
	}
	p.measuring = true
	go p.measure(slices.Clone(p.workers))
}

// measure lets the pool grow by as many processes as wait, of those that have jobs: one that has used, or waited for, a
// processor less than half of the time.
func (p *Pool) measure(workers []*worker) {
	before := make([]time.Duration, len(workers))
	for i, w := range workers {
		before[i], _ = p.policy.Busy(w.process.Pid())
	}
	from := p.now()
	select {
	case <-p.base.Done():
	case <-time.After(measureFor):
	}
	half := p.now().Sub(from) / 2
	idle := make([]bool, len(workers))
	for i, w := range workers {
		busy, known := p.policy.Busy(w.process.Pid())
		idle[i] = !known || busy-before[i] < half
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.measuring = false
	waits := 0
	for i, w := range workers {
		if idle[i] && !w.gone && len(w.jobs) > 0 {
			waits++
		}
	}
	if len(p.waiting) > 0 {
		p.most = min(p.most+waits, p.policy.Max)
	}
	p.update()
}

// shrinkLocked forgets that the pool has grown, as far as its processes have ended.
func (p *Pool) shrinkLocked() { p.most = max(p.policy.First, min(p.most, len(p.workers)+p.starting)) }
