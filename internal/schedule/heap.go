package schedule

// heapEntry is one due time. Removing a task leaves its entry behind, to be found stale later.
type heapEntry struct {
	due   int64
	id    ID
	entry uint32
}

// heap has the earliest entry first. Each entry has four below it, which lie in one cache line.
type heap []heapEntry

func (h *heap) push(e heapEntry) {
	*h = append(*h, e)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if s[parent].due <= e.due {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = e
}

func (h *heap) pop() heapEntry {
	s := *h
	first := s[0]
	n := len(s) - 1
	last := s[n]
	*h = s[:n]
	if n > 0 {
		h.down(0, last)
	}
	return first
}

// down puts e where i is, or below.
func (h heap) down(i int, e heapEntry) {
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(h)); c++ {
			if h[c].due < h[least].due {
				least = c
			}
		}
		if e.due <= h[least].due {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}
