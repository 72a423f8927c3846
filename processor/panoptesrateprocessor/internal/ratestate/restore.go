package ratestate

// empty forgets all series. The store must not be in use.
func (s *Store) empty() {
	s.clear()
	s.outdated.empty()
}

// clear forgets all series; what is saved of them is for the caller to note. The store must not be in use.
func (s *Store) clear() {
	for i := range s.shards {
		s.shards[i] = shard{outdated: &s.outdated}
	}
	s.held.Store(0)
}

// Reseed forgets all series and gives the store another seed: its keys are others afterwards. The store must not be in use.
func (s *Store) Reseed(seed Key) {
	s.clear()
	s.reseed(seed)
}

func (s *Store) reseed(seed Key) { s.seed, s.hasher = seed, NewHasher(seed) }

// Seed is the seed of the keys.
func (s *Store) Seed() Key { return s.seed }

// adopt makes an empty store go on with the seed and the clock of another. It must not be in use.
func (s *Store) adopt(seed Key, clock Time) {
	s.reseed(seed)
	s.start, s.before = s.now(), clock
}

// reserve makes room for so many series at once.
func (s *Store) reserve(series int) {
	if s.max > 0 {
		series = min(series, int(s.max))
	}
	// A tenth more, since shards are not equally full.
	n := series * 11 / 10 / len(s.shards) * maxLoadDenom / maxLoadNum
	for i := range s.shards {
		sh := &s.shards[i]
		sh.Lock()
		if n > len(sh.slots) {
			sh.resize(n)
		}
		sh.Unlock()
	}
}

// restore puts back a series that was saved in a chunk, and says whether another was evicted for it.
func (s *Store) restore(saved *slot, id chunkID, now Time) (evicted bool) {
	sh := &s.shards[saved.key.A>>s.shift]
	sh.Lock()
	defer sh.Unlock()
	if sh.find(saved.key) != nil {
		return false
	}
	evicted = s.makeRoom(sh, now)
	sl := sh.insert(saved.key)
	*sl = *saved
	sh.touch(sl, saved.expires)
	sl.setChunk(id)
	return evicted
}

// merge takes over a series from another store, unless it has a later point of its own.
func (s *Store) merge(theirs *slot, expires, now Time) (taken, evicted bool) {
	sh := &s.shards[theirs.key.A>>s.shift]
	sh.Lock()
	defer sh.Unlock()
	sl := sh.find(theirs.key)
	switch {
	case sl == nil:
		evicted = s.makeRoom(sh, now)
		sl = sh.insert(theirs.key)
	case sl.expires > now && sl.point().Millis >= theirs.point().Millis:
		return false, false
	}
	sh.outdate(sl)
	sl.value, sl.rate, sl.when = theirs.value, theirs.rate, theirs.when
	sh.touch(sl, expires)
	return true, evicted
}

// unsaved visits the slots of a shard that have changed since they were saved. For each of them visit names the chunk
// that it is saved in from now on. It needs the lock.
func (sh *shard) unsaved(now Time, visit func(*slot) chunkID) {
	for i := range sh.slots {
		s := &sh.slots[i]
		id := s.chunk()
		switch {
		case s.when == 0 || id != 0 && !sh.outdated.has(id):
		case s.expires <= now:
			s.setChunk(0)
		default:
			s.setChunk(visit(s))
		}
	}
}
