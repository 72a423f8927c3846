package plugincmd

import (
	"encoding/json"
	"os"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/internal/pluginrun"
)

// recorder writes the runs of plugin run to a file. A nil recorder does nothing.
type recorder struct {
	tape *recording.Tape
	file *os.File
	out  *recording.Writer
}

// newRecorder begins a recording in a new file, which others cannot read: it has what a device said.
func newRecorder(path string, scrub *recording.Scrubber, tape *recording.Tape, head recording.Head) (*recorder, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	out, err := recording.NewWriter(file, scrub, head)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &recorder{tape: tape, file: file, out: out}, nil
}

func headOf(p *pluginrun.Plugin, version string, flags chain.Flags) recording.Head {
	return recording.Head{
		Host: "panoptes " + version, DoubleRates: flags.DoubleRates(),
		Plugin: recording.Plugin{
			Name: p.Name(), NormalizedName: p.File.NormalizedName, Kind: string(p.Kind), Version: p.Version,
			Transforms: p.File.Transforms(), Topics: p.File.Topics(),
		},
	}
}

// run records one run.
func (r *recorder) run(p *pluginrun.Plugin, started time.Time, o oneRun) error {
	if r == nil {
		return nil
	}
	run := recording.Run{
		Resource: o.resource.AppendJSON(nil),
		Config:   p.File.Config,
		Started:  float64(started.UnixMilli()) / 1000,
		Seconds:  o.result.Duration.Seconds(),
		Outcome:  string(o.result.Outcome),
		Calls:    r.tape.Take(),
	}
	if o.result.Err != nil {
		run.Error = o.result.Err.Error()
	}
	for _, g := range o.result.Groups {
		run.Groups = append(run.Groups, json.RawMessage(g.AppendJSON(nil)))
	}
	for _, d := range o.result.Dropped {
		run.Dropped = append(run.Dropped, d.Err.Error())
	}
	for _, g := range o.out.Groups {
		run.Output = append(run.Output, string(g.AppendJSON(nil)))
	}
	return r.out.Run(run)
}

func (r *recorder) close() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}
