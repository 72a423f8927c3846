package recording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
)

// Tape keeps the calls of the run under way. It is safe for concurrent use, by one run at a time.
type Tape struct {
	scrub *Scrubber

	mu    sync.Mutex
	calls []Call
	wire  passing
}

// NewTape returns a tape. scrub must know the secrets that plugins are given.
func NewTape(scrub *Scrubber) *Tape { return &Tape{scrub: scrub} }

var (
	_ hostapi.Intercept = (*Tape)(nil).Intercept
	_ wire.Tap          = (*Tape)(nil).Pass
)

// Pass keeps what passes between host and plugin.
func (t *Tape) Pass(s wire.Stream, data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wire.pass(s, data)
}

// Begin notes that a run begins.
func (t *Tape) Begin(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wire.began = now
}

// Intercept lets the host answer, and keeps the call.
func (t *Tape) Intercept(_ context.Context, method string, params json.RawMessage, answer func() (any, error)) (any, error) {
	result, err := answer()
	call := Call{Method: method, Params: append(json.RawMessage(nil), params...)}
	if err != nil {
		call.Error = err.Error()
	} else if text, e := json.Marshal(result); e != nil {
		call.Error = e.Error()
	} else {
		call.Result = text
	}
	t.mu.Lock()
	t.calls = append(t.calls, call)
	t.mu.Unlock()
	return result, err
}

// Take puts into a run the calls and what passed since the last Take.
func (t *Tape) Take(r *Run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Calls, t.calls = t.calls, nil
	r.Wire, r.Left = t.wire.take(t.scrub)
}

// Player answers the calls of a run as the recording has them.
type Player struct {
	mu    sync.Mutex
	calls []Call
	// strange are the calls that the recording does not have.
	strange []string
}

var _ hostapi.Intercept = (*Player)(nil).Intercept

// Load makes the calls of a run the answers from now on, and returns what was strange about the run before.
func (p *Player) Load(calls []Call) (strange []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	strange, p.strange = p.strange, nil
	for _, c := range p.calls {
		strange = append(strange, fmt.Sprintf("%s %s was not called again", c.Method, c.Params))
	}
	p.calls = append([]Call(nil), calls...)
	return strange
}

// Intercept answers with the first call left of the same method and parameters. Calls need not come in the order of the
// recording: a plugin may make them from several threads.
func (p *Player) Intercept(_ context.Context, method string, params json.RawMessage, _ func() (any, error)) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := canonical(params)
	for i, c := range p.calls {
		if c.Method != method || canonical(c.Params) != want {
			continue
		}
		p.calls = append(p.calls[:i], p.calls[i+1:]...)
		if c.Error != "" {
			return nil, errors.New(c.Error)
		}
		return c.Result, nil
	}
	p.strange = append(p.strange, fmt.Sprintf("%s %s is not in the recording", method, params))
	return nil, errors.New("this call is not in the recording")
}

// canonical is JSON in one form, whatever its blanks and the order of its keys.
func canonical(text json.RawMessage) string {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return string(text)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(text)
	}
	return string(out)
}
