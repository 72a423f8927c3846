package schedule

// Usage says how many of the places of a class are taken, and how many are wanted.
type Usage struct {
	// Places is the most runs that can go on at once, Used how many do.
	Places, Used int
	// Wanted is how many would go on if there were places for all that is due.
	Wanted int
	// Short says that what is due waits for a place; Common, that it waits for one of those that classes share.
	Short, Common bool
}

// Usage returns the usage of each class, in the order of Settings.Classes.
func (s *Scheduler[T]) Usage() []Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Usage, len(s.queue.classes))
	for i := range all {
		c := &s.queue.classes[i]
		waiting := c.ready
		for _, t := range []trust{trustOpen, trustNone} {
			waiting += len(s.parked[parkKey{class: i, trust: t}])
		}
		all[i] = Usage{Places: c.workers, Used: min(c.running, c.workers), Wanted: c.running + waiting, Short: s.short(i)}
		all[i].Common = all[i].Short && c.of == &s.queue.common && c.of.running >= c.of.limit && c.running < c.workers
	}
	return all
}
