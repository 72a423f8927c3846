package engine

// alarm is something that happens at a time unless it is called off. It is for an exchange or, if that is nil, for a device.
type alarm struct {
	at    int64 // on the engine's clock
	place int   // in the heap, counted from 1; 0 if it is not there
	x     *exchange
	d     *device
}

// alarms is a heap of alarms, the next one first.
type alarms []*alarm

func (h *alarms) set(a *alarm, at int64) {
	a.at = at
	if a.place == 0 {
		*h = append(*h, a)
		a.place = len(*h)
		h.up(a.place)
		return
	}
	h.down(h.up(a.place))
}

func (h *alarms) callOff(a *alarm) {
	if a.place == 0 {
		return
	}
	place, last := a.place, len(*h)
	h.swap(place, last)
	(*h)[last-1] = nil
	*h = (*h)[:last-1]
	a.place = 0
	if place < last {
		h.down(h.up(place))
	}
}

func (h alarms) at(place int) *alarm { return h[place-1] }

func (h alarms) swap(a, b int) {
	h[a-1], h[b-1] = h[b-1], h[a-1]
	h[a-1].place, h[b-1].place = a, b
}

func (h alarms) up(place int) int {
	for place > 1 && h.at(place).at < h.at(place/2).at {
		h.swap(place, place/2)
		place /= 2
	}
	return place
}

func (h alarms) down(place int) {
	for {
		child := 2 * place
		if child > len(h) {
			return
		}
		if child < len(h) && h.at(child+1).at < h.at(child).at {
			child++
		}
		if h.at(place).at <= h.at(child).at {
			return
		}
		h.swap(place, child)
		place = child
	}
}
