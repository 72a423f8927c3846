package engine

import "sync"

// workers do things that take long, a bounded number at a time. A worker is there only while there is something to do. The
// lock guards all fields.
type workers struct {
	mu    sync.Mutex
	queue []func()
	busy  int
	most  int
	group sync.WaitGroup
}

// add lets a worker call do, in a goroutine of its own.
func (w *workers) add(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, do)
	if w.busy < w.most {
		w.busy++
		w.group.Go(w.work)
	}
}

func (w *workers) work() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		do := w.queue[0]
		w.queue = w.queue[1:]
		w.mu.Unlock()
		do()
		w.mu.Lock()
	}
	w.queue = nil
	w.busy--
}

// wait waits until nothing is left to do.
func (w *workers) wait() { w.group.Wait() }
