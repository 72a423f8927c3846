// Package program runs plugins that are executable files: process plugins, which live on from run to run and speak the
// plugin protocol, and exec plugins, of which each run is a process.
package program

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program/output"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Settings configure the processes of process and exec plugins.
type Settings struct {
	// MaxExec is the most children of exec plugins at once, of all plugins together (default 32).
	MaxExec int
	// PerPlugin is the most processes of one process plugin that does not say that it can do several runs at once
	// (default 4).
	PerPlugin int
	// Inherit are the names of variables of the environment that children get besides the usual ones.
	Inherit []string
	// Hardening is what is taken from the children.
	Hardening child.Hardening
	// Wire wraps what is written to a program, and ClockStep is added to the times that it is told: so the conformance
	// kit plays a slow host, and one whose clock was set. nil and 0 change nothing.
	Wire      func(io.Writer) io.Writer
	ClockStep time.Duration
}

// child is how to start a plugin's program.
func (s Settings) child(p *plugin.Plugin) child.Config {
	path := p.Executable()
	file, err := filepath.Abs(p.File.Path)
	if err != nil {
		file = p.File.Path
	}
	return child.Config{
		Path: path, Scripts: p.Scripts(), Dir: filepath.Dir(path), Inherit: s.Inherit, Hardening: s.Hardening,
		Env: []string{"PANOPTES_PLUGIN=" + p.Name(), "PANOPTES_PLUGIN_FILE=" + file},
	}
}

const (
	// busyAttempts and busyPause are for a program that another process has open for writing: one that was forked at
	// the moment when a copy was written has it open until it runs its own program.
	busyAttempts = 6
	busyPause    = 10 * time.Millisecond
)

// start starts a child. The error is a *workers.RejectedError where the program, and not the system, is why it cannot be.
func start(c child.Config) (*child.Process, error) {
	for attempt := 1; ; attempt++ {
		process, err := child.Start(c)
		switch {
		case err == nil:
			return process, nil
		case isTextBusy(err) && attempt < busyAttempts:
			time.Sleep(busyPause << attempt)
			continue
		case isShortage(err):
			return nil, err
		}
		return nil, &workers.RejectedError{Cause: explained(c.Path, err)}
	}
}

// defaults are what the groups of a run may leave out.
func defaults(c *run.Call, groupType string) output.Defaults {
	return output.Defaults{
		Resource: c.Resource, Type: groupType, Interval: int(c.Plugin.GroupInterval() / time.Second), Time: c.Now(),
		Units: c.Plugin.Units(), Groups: c.Limits().Groups, Bounds: c.Limits().Bounds,
	}
}

// groups is the result of a run whose output has these items. A group that is there twice counts once: the groups of a
// run are a set.
func groups(c *run.Call, items []output.Item) run.Result {
	good := make([]*pluginsdk.MetricsGroup, 0, len(items))
	var drops run.Result
	var set pluginsdk.MetricsGroupSet
	for i, item := range items {
		switch {
		case item.Err != nil:
			d := run.Drop{Group: item.Type, Metric: item.Metric, Reason: run.DropInvalid, Err: item.Err, More: item.More}
			if errors.Is(item.Err, output.ErrLimit) {
				d.Reason = run.DropLimit
			}
			c.Drop(&drops, d)
		case len(items) > 1 && !set.Add(item.Group):
			c.Drop(&drops, run.Drop{Group: item.Type, Reason: run.DropDuplicate, Err: fmt.Errorf("group %d: group %q is there already", i, item.Type)})
		default:
			good = append(good, item.Group)
		}
	}
	result := c.Groups(good)
	if result.Outcome.Failed() {
		return result
	}
	result.Dropped = append(drops.Dropped, result.Dropped...)
	return result
}

func isBlank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

func isRejected(err error) bool {
	var rejected *workers.RejectedError
	return errors.As(err, &rejected)
}
