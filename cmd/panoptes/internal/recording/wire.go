package recording

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
)

// maxWire bounds the bytes that are kept of what passes in a run: the largest result of a plugin, and a bit.
const maxWire = 17 << 20

// Passage is a line, with its end, that passed between host and plugin.
type Passage struct {
	// At is when, in seconds since the start of the run; what passed before the first run is of that, at 0.
	At     float64     `json:"at"`
	Stream wire.Stream `json:"stream"`
	// Text is what passed, Bytes where that is no UTF-8.
	Text  string `json:"text,omitempty"`
	Bytes []byte `json:"bytes,omitempty"`
}

func (p Passage) content() []byte {
	if p.Bytes != nil {
		return p.Bytes
	}
	return []byte(p.Text)
}

// passing keeps what passes. The tape's lock is held.
type passing struct {
	began    time.Time
	passages []Passage
	rest     map[wire.Stream][]byte // without the end of its line yet
	size     int
	left     int
}

func (w *passing) pass(s wire.Stream, data []byte) {
	if w.size+len(data) > maxWire {
		w.left += len(data)
		return
	}
	w.size += len(data)
	if w.rest == nil {
		w.rest = map[wire.Stream][]byte{}
	}
	if s != wire.StreamIn && s != wire.StreamOut && s != wire.StreamErr {
		w.add(s, data)
		return
	}
	w.rest[s] = append(w.rest[s], data...)
	for {
		end := bytes.IndexByte(w.rest[s], '\n') + 1
		if end == 0 {
			return
		}
		w.add(s, w.rest[s][:end])
		w.rest[s] = w.rest[s][end:]
	}
}

func (w *passing) add(s wire.Stream, line []byte) {
	p := Passage{Stream: s}
	if !w.began.IsZero() {
		p.At = float64(time.Since(w.began).Microseconds()) / 1e6
	}
	if utf8.Valid(line) {
		p.Text = string(line)
	} else {
		p.Bytes = bytes.Clone(line)
	}
	w.passages = append(w.passages, p)
}

// take ends the run.
func (w *passing) take(scrub *Scrubber) (passages []Passage, left int) {
	for _, s := range []wire.Stream{wire.StreamIn, wire.StreamOut, wire.StreamErr} {
		if len(w.rest[s]) > 0 {
			w.add(s, w.rest[s])
		}
	}
	for i, p := range w.passages {
		switch {
		case p.Bytes != nil:
			w.passages[i].Bytes = scrub.Bytes(p.Bytes)
		case json.Valid([]byte(p.Text)): // its strings as they are, before they are escaped once more
			w.passages[i].Text = string(scrub.CleanJSON([]byte(p.Text)))
		}
	}
	passages, left = w.passages, w.left
	*w = passing{}
	return passages, left
}

// Said is what the plugin said in the run, for runtimes.Judge; ok says that there is something to judge.
func (r *Run) Said(kind plugin.Kind) (said runtimes.Said, ok bool) {
	if r.Left > 0 {
		return said, false
	}
	if kind != plugin.KindExec {
		said.Answer = r.answer("run")
		return said, said.Answer != nil
	}
	for _, p := range r.Wire {
		switch p.Stream {
		case wire.StreamOut:
			said.Exec.Stdout = append(said.Exec.Stdout, p.content()...)
		case wire.StreamErr:
			said.Exec.Stderr = append(said.Exec.Stderr, string(bytes.TrimSuffix(p.content(), []byte("\n"))))
		case wire.StreamExit:
			ok = json.Unmarshal(p.content(), &said.Exec.Exit) == nil
		}
	}
	return said, ok
}

// Described is what the plugin answered to "describe", if it was asked.
func (r *Run) Described() json.RawMessage {
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	_ = json.Unmarshal(r.answer("describe"), &answer)
	return answer.Result
}

// answer is the line that answers the request of this method, nil where there is none.
func (r *Run) answer(method string) []byte {
	type message struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	var asked, answer []byte
	for _, p := range r.Wire {
		var m message
		if json.Unmarshal(p.content(), &m) != nil {
			continue
		}
		switch {
		case p.Stream == wire.StreamIn && m.Method == method:
			asked, answer = m.ID, nil
		case p.Stream == wire.StreamOut && m.Method == "" && len(asked) > 0 && bytes.Equal(m.ID, asked):
			answer = p.content()
		}
	}
	return answer
}
