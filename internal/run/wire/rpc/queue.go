package rpc

import "sync"

// queue holds the lines that wait to be written. It is limited in bytes, except that it always takes one line: a line
// larger than the limit must get through, too.
type queue struct {
	limit  int
	filled chan struct{} // has one element while there are lines that the writer may not know of

	mu    sync.Mutex
	lines [][]byte
	bytes int
	room  chan struct{} // closed when a line is taken; nil while nobody waits
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, filled: make(chan struct{}, 1)}
}

// offer takes a line if there is room for it.
func (q *queue) offer(line []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.add(line)
}

// offerOrWait is offer, and where there is no room returns a channel that is closed when there may be some.
func (q *queue) offerOrWait(line []byte) (taken bool, room <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.add(line) {
		return true, nil
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return false, q.room
}

func (q *queue) add(line []byte) bool {
	if len(q.lines) > 0 && q.bytes+len(line) > q.limit {
		return false
	}
	q.lines = append(q.lines, line)
	q.bytes += len(line)
	select {
	case q.filled <- struct{}{}:
	default:
	}
	return true
}

// take returns the oldest line, or nil.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		return nil
	}
	line := q.lines[0]
	q.lines[0] = nil
	if q.lines = q.lines[1:]; len(q.lines) == 0 {
		q.lines = nil
	}
	q.bytes -= len(line)
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return line
}
