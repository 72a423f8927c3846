package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// The bounds of reading ahead.
const (
	mostHistories   = 1 << 17          // plugins and resources that are remembered
	mostConnections = 64               // of each, such as one for each VLAN
	mostAsked       = 256              // calls of a run that are remembered
	mostRows        = 1 << 18          // rows that are fetched together
	keptFor         = 10 * time.Second // how long they wait to be asked for
	keptAhead       = time.Second      // the same before the run begins, which has the time of its own for them
)

// readAhead remembers what plugins asked. mu guards all of it; nothing else is called under it.
type readAhead struct {
	mu        sync.Mutex
	histories map[historyKey]*history
}

// historyKey is a plugin and a resource, whose runs do not overlap.
type historyKey struct {
	plugin   string
	resource pluginsdk.Identity
}

func keyOf(by *hostapi.Caller) historyKey { return historyKey{by.Plugin, by.Resource.Identity()} }

// history is what was asked over a connection.
type history struct {
	wish   devices.Wish
	next   *history              // another connection of the plugin to the resource
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
	of     *history
	fetch  *engine.Request
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

// Ahead fetches what a run is thought to ask before it has a process, and waits for that as long as patience lets it: so a
// run that waits for its device keeps no process waiting. What is not there by then goes to the run's first call. All of it
// ends with ctx.
func (s *Service) Ahead(ctx context.Context, by hostapi.Caller, patience time.Duration) {
	if by.Resource == nil {
		return
	}
	batches := s.ahead.begin(keyOf(&by), by.RunID)
	if len(batches) == 0 {
		return
	}
	for _, b := range batches {
		go func() {
			var result *engine.Result
			if target, err := s.devices.Target(ctx, by.Resource, b.of.wish); err == nil {
				result = s.devices.Do(ctx, &target, b.fetch)
			}
			s.ahead.fill(b, result, keptAhead)
		}()
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for _, b := range batches {
		select {
		case <-b.done:
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// expected returns what was fetched for a call before it came, or is fetched now since it is the first of its run. It returns
// false where the call has to ask for itself.
func (s *Service) expected(ctx context.Context, c *call, a ask) (got, bool) {
	if c.by.RunID == 0 || c.by.Resource == nil {
		return got{}, false
	}
	b, fetch := s.ahead.enter(keyOf(&c.by), c.wish, c.by.RunID, a)
	switch {
	case b == nil:
		return got{}, false
	case fetch:
		s.ahead.fill(b, s.devices.Do(ctx, &c.target, b.fetch), keptFor)
	}
	select {
	case <-b.done:
		return s.ahead.take(b, a)
	case <-ctx.Done():
		return got{}, false
	}
}

// failed notes that a call went wrong, which may keep its plugin from asking the rest.
func (s *Service) failed(c *call) {
	if c.by.RunID == 0 || c.by.Resource == nil {
		return
	}
	s.ahead.mu.Lock()
	defer s.ahead.mu.Unlock()
	if h := s.ahead.histories[keyOf(&c.by)].of(c.wish); h != nil {
		h.failed = true
	}
}

// begin notes that a run is about to begin, and returns an empty batch for each connection that the run before had.
func (r *readAhead) begin(key historyKey, run int64) (batches []*batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := int64(0)
	for h := r.histories[key]; h != nil; h = h.next {
		last = max(last, h.run)
	}
	for h := r.histories[key]; h != nil; h = h.next {
		if h.run != last {
			continue
		}
		h.turn(run)
		if before := h.together(); len(before) > 0 {
			h.batch = newBatch(h, before)
			batches = append(batches, h.batch)
		}
	}
	return batches
}

// enter notes a call of a run and returns the batch that may have its answer. fetch says that the caller has to fill it.
func (r *readAhead) enter(key historyKey, wish devices.Wish, run int64, a ask) (b *batch, fetch bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.history(key, wish)
	if h.run != run {
		h.turn(run)
		if before := h.together(a); len(before) > 1 {
			h.batch, fetch = newBatch(h, before), true
		}
	}
	if len(h.asked) < mostAsked && !slices.Contains(h.asked, a) {
		h.asked = append(h.asked, a)
	}
	return h.batch, fetch
}

// of returns the history of a connection, nil if there is none.
func (h *history) of(wish devices.Wish) *history {
	for h != nil && h.wish != wish {
		h = h.next
	}
	return h
}

// history returns the history of a connection, for which others make room.
func (r *readAhead) history(key historyKey, wish devices.Wish) *history {
	first, there := r.histories[key]
	if h := first.of(wish); h != nil {
		return h
	}
	if r.histories == nil {
		r.histories = map[historyKey]*history{}
	}
	if !there && len(r.histories) >= mostHistories {
		for other := range r.histories { // in random order
			delete(r.histories, other)
			break
		}
	}
	connections := 0
	for h := first; h != nil; h = h.next {
		connections++
	}
	if connections >= mostConnections {
		first = nil
	}
	h := &history{wish: wish, next: first}
	r.histories[key] = h
	return h
}

// fill gives a batch what came, nil if nothing could be asked. After a time it is too old to be given to a plugin.
func (r *readAhead) fill(b *batch, result *engine.Result, kept time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.result = result; result == nil {
		b.let()
	} else {
		b.timer = time.AfterFunc(kept, func() { r.drop(b) })
	}
	close(b.done)
}

// drop drops a batch that is too old. If its run has asked for nothing so far, what it asks is fetched anew.
func (r *readAhead) drop(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := b.of; h.batch == b && len(h.asked) == 0 {
		h.run = 0
	}
	b.let()
}

// let lets go of what was fetched.
func (b *batch) let() {
	b.have, b.result = nil, nil
	if b.of.batch == b {
		b.of.batch = nil
	}
}

// take takes the answer to a call out of a batch. What went wrong while others did not is not fetched with them again.
func (r *readAhead) take(b *batch, a ask) (got, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := b.have[a]; !there {
		return got{}, false
	}
	found := b.get(a)
	alone := found.err() != nil && !b.dead()
	delete(b.have, a)
	if len(b.have) == 0 {
		b.timer.Stop()
		b.let()
	}
	if h := b.of; alone && len(h.alone) < mostAsked {
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

// newBatch makes an empty batch.
func newBatch(of *history, asks []ask) *batch {
	b := &batch{of: of, fetch: &engine.Request{MaxRows: mostRows}, done: make(chan struct{}), have: map[ask]int{}}
	for _, a := range asks {
		if a.walk {
			b.have[a] = len(b.fetch.Columns)
			b.fetch.Columns = append(b.fetch.Columns, engine.Column{Base: a.oid})
		} else {
			b.have[a] = len(b.fetch.Get)
			b.fetch.Get = append(b.fetch.Get, a.oid)
		}
	}
	return b
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

// together is what is to be asked in one request: what is asked now, and what the run before asked.
func (h *history) together(now ...ask) []ask {
	all := h.earlier()
	for _, a := range now {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
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
