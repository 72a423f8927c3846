package plugincmd

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// recorder writes the runs of plugin run to a file. A nil recorder does nothing.
type recorder struct {
	tape  *recording.Tape
	scrub *recording.Scrubber
	file  *os.File
	out   *recording.Writer
}

// newRecorder begins a recording in a new file, which others cannot read: it has what a device said. Until ctx is done it waits for
// who reads a pipe.
func newRecorder(ctx context.Context, path string, scrub *recording.Scrubber, tape *recording.Tape, head recording.Head) (*recorder, error) {
	file, err := safefile.Within(ctx, "open", path, func() (*os.File, error) {
		return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	}, func(f *os.File) { _ = f.Close() })
	if err != nil {
		return nil, err
	}
	out, err := recording.NewWriter(file, scrub, head)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &recorder{tape: tape, scrub: scrub, file: file, out: out}, nil
}

func headOf(p *plugin.Plugin, text, version string, flags chain.Flags) recording.Head {
	return recording.Head{
		Host: "panoptes " + version, DoubleRates: flags.DoubleRates(),
		Plugin: recording.Plugin{
			Name: p.Name(), NormalizedName: p.File.NormalizedName, Kind: string(p.Kind), Version: p.Version,
			Path: filepath.Base(p.File.Path), File: text,
			Transforms: p.File.Transforms(), Topics: p.File.Topics(),
		},
	}
}

// clock is what the run has for a clock, nil where nothing is recorded.
func (r *recorder) clock(started time.Time) *run.Clock {
	if r == nil {
		return nil
	}
	r.tape.Begin(started)
	return &run.Clock{Now: pluginsdk.UnixTime(started)}
}

// run records one run.
func (r *recorder) run(p *plugin.Plugin, started time.Time, o oneRun) error {
	if r == nil {
		return nil
	}
	if err := r.scrub.AddConfig(p.File.Config); err != nil { // overrides may have more than the plugin file
		return err
	}
	one := recording.Run{
		Resource: o.resource.AppendJSON(nil),
		Config:   p.File.Config,
		Started:  float64(started.UnixMilli()) / 1000,
		Seconds:  o.result.Duration.Seconds(),
		Outcome:  string(o.result.Outcome),
		Type:     string(p.Type),
		Interval: p.Interval.Seconds(),
		Readings: o.result.Readings,
	}
	now := pluginsdk.UnixTime(started)
	one.Now = &now
	r.tape.Take(&one)
	if o.result.Err != nil {
		one.Error = o.result.Err.Error()
	}
	for _, g := range o.result.Groups {
		one.Groups = append(one.Groups, json.RawMessage(g.AppendJSON(nil)))
	}
	for _, found := range o.result.Resources {
		one.Resources = append(one.Resources, json.RawMessage(found.AppendJSON(nil)))
	}
	if len(o.result.Enrichment) > 0 {
		text, err := json.Marshal(o.result.Enrichment)
		if err != nil {
			return err
		}
		one.Enrichment = text
	}
	for _, d := range o.result.Dropped {
		one.Dropped = append(one.Dropped, d.Err.Error())
	}
	for _, g := range o.out.Groups {
		one.Output = append(one.Output, string(g.AppendJSON(nil)))
	}
	return r.out.Run(one)
}

func (r *recorder) close() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}
