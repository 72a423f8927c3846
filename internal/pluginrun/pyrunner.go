package pluginrun

import (
	"context"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// pythonRunner runs Python plugins in a pool of worker processes.
type pythonRunner struct{ settings Settings }

func newPythonRunner(s Settings) *pythonRunner { return &pythonRunner{s} }

// Check implements Runner.
func (r *pythonRunner) Check(context.Context, *Plugin) error { return errShutdown }

// Run implements Runner.
func (r *pythonRunner) Run(_ context.Context, req Request) Result {
	return req.failed(OutcomeUnavailable, errShutdown)
}

// Busy implements Runner.
func (r *pythonRunner) Busy(*Plugin, *pluginsdk.Resource) bool { return false }

// Shutdown implements Runner.
func (r *pythonRunner) Shutdown(context.Context) error { return nil }
