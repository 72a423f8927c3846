// Package recording holds what a plugin saw and said in its runs, so that they can be played again elsewhere
// (docs/recordings.md).
//
// A recording is JSON Lines: a Head, then a Run a line. It has no secrets: their values are replaced wherever they stand.
package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/panoptes-otel/panoptes-otel/internal/lines"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Format and Version name the format. Another version is refused: a recording is for the release that made it and those
// that say they read it.
const (
	Format  = "panoptes-recording"
	Version = 1
)

// Head is the first line.
type Head struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Host names the program that recorded.
	Host string `json:"host"`
	// Plugin is what was run.
	Plugin Plugin `json:"plugin"`
	// DoubleRates says whether rates were left doubles.
	DoubleRates bool `json:"double_rates"`
}

// Plugin names what was run. Its code is not part of a recording: that is for the author to add.
type Plugin struct {
	Name           string `json:"name"`
	NormalizedName string `json:"normalized_name"`
	Kind           string `json:"kind"`
	// File is the text of its plugin file, Path where that was.
	File string `json:"file,omitempty"`
	Path string `json:"path,omitempty"`
	// Version is the hash of the plugin's content.
	Version    string `json:"version"`
	Transforms string `json:"transforms,omitempty"`
	Topics     string `json:"topics,omitempty"`
}

// Run is one run with everything it saw and said.
type Run struct {
	// Resource is the resource in Panoptes' JSON.
	Resource json.RawMessage `json:"resource"`
	// Config is what the plugin saw of its file.
	Config pluginsdk.Config `json:"config"`
	// Started is the time of the start, in seconds since 1970, Seconds how long the run took.
	Started float64 `json:"started"`
	Seconds float64 `json:"seconds"`
	// Type is what the plugin was run as.
	Type string `json:"type,omitempty"`
	// Interval is the time between two runs, in seconds.
	Interval float64 `json:"interval,omitempty"`
	// Now is the time of what has none (seconds since 1970), Readings what clocks said to a Python plugin.
	Now      *pluginsdk.Number `json:"now,omitempty"`
	Readings json.RawMessage   `json:"readings,omitempty"`
	// Outcome is how the run ended, Error what went wrong.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
	// Calls are what the plugin asked of its host, in order.
	Calls []Call `json:"calls,omitempty"`
	// Wire is what passed between host and plugin, in order. Left is how many bytes are not in it, for their number.
	Wire []Passage `json:"wire,omitempty"`
	Left int       `json:"wire_left,omitempty"`
	// Groups are the metrics groups that the plugin returned, after validation, in Panoptes' JSON.
	Groups []json.RawMessage `json:"groups,omitempty"`
	// Resources are what a discovery plugin found, Enrichment what one for that found out.
	Resources  []json.RawMessage `json:"resources,omitempty"`
	Enrichment json.RawMessage   `json:"enrichment,omitempty"`
	// Dropped are the messages about what validation took out.
	Dropped []string `json:"dropped,omitempty"`
	// Output are the lines that went on: the groups with their rates, as they would go to Kafka.
	Output []string `json:"output,omitempty"`
}

// Call is one call of the plugin protocol, from the plugin to its host.
type Call struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Writer writes a recording.
type Writer struct {
	out   *bufio.Writer
	scrub *Scrubber
}

// NewWriter begins a recording. What scrub knows to be secret by the time a line is written is not in it.
func NewWriter(w io.Writer, scrub *Scrubber, head Head) (*Writer, error) {
	head.Format, head.Version = Format, Version
	out := &Writer{out: bufio.NewWriter(w), scrub: scrub}
	return out, out.line(head)
}

// Run adds a run.
func (w *Writer) Run(r Run) error { return w.line(r) }

// line writes one line and flushes it: what was recorded before a crash is there.
func (w *Writer) line(v any) error {
	text, err := marshal(v)
	if err != nil {
		return err
	}
	if _, err := w.out.Write(w.scrub.CleanJSON(text)); err != nil {
		return err
	}
	return w.out.Flush()
}

// Reader reads a recording.
type Reader struct {
	Head  Head
	lines *lines.Lines
}

// maxLine is the most bytes a run may have: the largest result of a plugin, eight times over.
const maxLine = 128 << 20

// NewReader reads the head of a recording.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{lines: lines.New(r, maxLine, 64<<10)}
	if err := in.line(&in.Head); err != nil {
		return nil, fmt.Errorf("read the head of the recording: %w", err)
	}
	if in.Head.Format != Format {
		return nil, fmt.Errorf("this is no recording: its first line has the format %q, expected %q", in.Head.Format, Format)
	}
	if in.Head.Version != Version {
		return nil, fmt.Errorf("the recording is of version %d, this program reads version %d", in.Head.Version, Version)
	}
	return in, nil
}

// Next returns the next run, or io.EOF.
func (r *Reader) Next() (*Run, error) {
	run := &Run{}
	err := r.line(run)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("line %d of the recording: %w", r.lines.Number, err)
	}
	return run, err
}

func (r *Reader) line(v any) error {
	text, err := r.lines.Next()
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}
