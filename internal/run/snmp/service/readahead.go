package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// The bounds of reading ahead.
const (
	mostHistories = 1 << 17          // connections of plugins to resources that are remembered
	mostAsked     = 256              // calls of a run that are remembered
	mostRows      = 1 << 18          // rows that are fetched together
	keptFor       = 10 * time.Second // how long they wait to be asked for
)

// readAhead remembers what plugins asked. mu guards all of it; nothing else is called under it.
type readAhead struct {
	mu        sync.Mutex
	histories map[historyKey]*history
}

// historyKey is a connection of a plugin to a resource. Runs of the two do not overlap.
type historyKey struct {
	plugin   string
	resource pluginsdk.Identity
	wish     devices.Wish
}

// history is what was asked over a connection.
type history struct {
	run    int64                 // the last one
	before unique.Handle[string] // what the run before it asked; most resources of a plugin share one text
	asked  []ask                 // by the last run
	failed bool                  // the last run had an error, so it may have asked less
	alone  []ask                 // what went wrong together with others
	batch  *batch                // what was fetched for the last run, as long as it may be asked for
}

// ask is something that a plugin asked: a walk, or a GET.
type ask struct {
	walk bool
	oid  ber.OID
}

// batch is what is fetched together.
type batch struct {
	done   chan struct{} // closed when it is there
	have   map[ask]int   // which column or variable; what was taken is not there any more
	result *engine.Result
	timer  *time.Timer
}

// got is what was fetched for a call.
type got struct {
	rows     *engine.Rows
	variable *engine.Variable
}

func (g *got) err() error {
	if g.rows != nil {
		return g.rows.Err
	}
	return g.variable.Err
}

// expected returns what was fetched for a call before it came, or is fetched now since it is the first of its run. It returns
// false where the call has to ask for itself.
func (s *Service) expected(ctx context.Context, c *call, a ask) (got, bool) {
	if c.by.RunID == 0 || c.by.Resource == nil {
		return got{}, false
	}
	key := c.key()
	b, fetch := s.ahead.enter(key, c.by.RunID, a)
	switch {
	case b == nil:
		return got{}, false
	case fetch != nil:
		s.ahead.fill(key, b, s.devices.Do(ctx, &c.target, fetch))
	}
	select {
	case <-b.done:
		return s.ahead.take(key, b, a)
	case <-ctx.Done():
		return got{}, false
	}
}

func (c *call) key() historyKey { return historyKey{c.by.Plugin, c.by.Resource.Identity(), c.wish} }

// failed notes that a call went wrong, which may keep its plugin from asking the rest.
func (s *Service) failed(c *call) {
	if c.by.RunID == 0 || c.by.Resource == nil {
		return
	}
	s.ahead.mu.Lock()
	defer s.ahead.mu.Unlock()
	if h := s.ahead.histories[c.key()]; h != nil {
		h.failed = true
	}
}

// enter notes a call of a run and returns the batch that may have its answer. If that has to be fetched first, by the
// caller, it returns the request for it, too.
func (r *readAhead) enter(key historyKey, run int64, a ask) (b *batch, fetch *engine.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.history(key)
	if h.run != run {
		h.turn(run)
		if before := h.together(a); len(before) > 1 {
			h.batch, fetch = newBatch(before)
		}
	}
	if len(h.asked) < mostAsked && !slices.Contains(h.asked, a) {
		h.asked = append(h.asked, a)
	}
	return h.batch, fetch
}

// history returns the history of a connection, for which another makes room.
func (r *readAhead) history(key historyKey) *history {
	h := r.histories[key]
	if h != nil {
		return h
	}
	if r.histories == nil {
		r.histories = map[historyKey]*history{}
	}
	if len(r.histories) >= mostHistories {
		for other := range r.histories { // in random order
			delete(r.histories, other)
			break
		}
	}
	h = &history{}
	r.histories[key] = h
	return h
}

// fill gives a batch what came. After a time it is too old to be given to a plugin.
func (r *readAhead) fill(key historyKey, b *batch, result *engine.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.result = result
	b.timer = time.AfterFunc(keptFor, func() { r.drop(key, b) })
	close(b.done)
}

func (r *readAhead) drop(key historyKey, b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.let(r.histories[key])
}

// let lets go of what was fetched.
func (b *batch) let(h *history) {
	b.have, b.result = nil, nil
	if h != nil && h.batch == b {
		h.batch = nil
	}
}

// take takes the answer to a call out of a batch. What went wrong while others did not is not fetched with them again.
func (r *readAhead) take(key historyKey, b *batch, a ask) (got, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := b.have[a]; !there {
		return got{}, false
	}
	found := b.get(a)
	alone := found.err() != nil && !b.dead()
	delete(b.have, a)
	h := r.histories[key]
	if len(b.have) == 0 {
		b.timer.Stop()
		b.let(h)
	}
	if alone && h != nil && len(h.alone) < mostAsked {
		h.alone = append(h.alone, a)
	}
	// It may be the others that made it too much.
	return found, !errors.Is(found.err(), engine.ErrTooLarge)
}

func (b *batch) get(a ask) got {
	at := b.have[a]
	if a.walk {
		return got{rows: &b.result.Columns[at]}
	}
	return got{variable: &b.result.Variables[at]}
}

// dead says whether nothing came.
func (b *batch) dead() bool {
	for i := range b.result.Columns {
		if c := &b.result.Columns[i]; c.Err == nil || c.Len() > 0 {
			return false
		}
	}
	for i := range b.result.Variables {
		if b.result.Variables[i].Err == nil {
			return false
		}
	}
	return true
}

// newBatch makes an empty batch, and the request that fills it.
func newBatch(asks []ask) (*batch, *engine.Request) {
	b, fetch := &batch{done: make(chan struct{}), have: map[ask]int{}}, &engine.Request{MaxRows: mostRows}
	for _, a := range asks {
		if a.walk {
			b.have[a] = len(fetch.Columns)
			fetch.Columns = append(fetch.Columns, engine.Column{Base: a.oid})
		} else {
			b.have[a] = len(fetch.Get)
			fetch.Get = append(fetch.Get, a.oid)
		}
	}
	return b, fetch
}

// turn begins a run. What a run asked that failed is joined with what was asked before: it may not have come to ask all.
func (h *history) turn(run int64) {
	asked := h.asked
	if h.failed {
		for _, a := range h.earlier() {
			if !slices.Contains(asked, a) && len(asked) < mostAsked {
				asked = append(asked, a)
			}
		}
	}
	if len(asked) > 0 {
		h.before = unique.Make(written(asked))
	}
	h.run, h.asked, h.failed, h.batch = run, nil, false, nil
}

// together is what is to be asked in one request: a, which is asked now, and what the run before asked.
func (h *history) together(a ask) []ask {
	all := h.earlier()
	if !slices.Contains(all, a) {
		all = append(all, a)
	}
	return slices.DeleteFunc(all, func(a ask) bool { return slices.Contains(h.alone, a) })
}

func (h *history) earlier() (all []ask) {
	if h.before == (unique.Handle[string]{}) {
		return nil
	}
	for line := range strings.Lines(h.before.Value()) {
		oid, err := ber.ParseOID(strings.TrimSpace(line[1:]))
		if err == nil { // written wrote it
			all = append(all, ask{line[0] == 'w', oid})
		}
	}
	return all
}

// written is a text with what was asked, which is cheap to share and to keep.
func written(asked []ask) string {
	var b []byte
	for _, a := range asked {
		kind := byte('g')
		if a.walk {
			kind = 'w'
		}
		b = append(a.oid.AppendText(append(b, kind)), '\n')
	}
	return string(b)
}
