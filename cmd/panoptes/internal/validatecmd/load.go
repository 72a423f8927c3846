package validatecmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/loading"
	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// load loads a plugin as the receiver does: it imports its module, checks its requirements, and starts a program that describes itself.
// It returns nil where the receiver would not take the plugin.
func (v *validation) load(ctx context.Context, where string, cfg *panoptesreceiver.Config, p *plugin.Plugin) *plugin.Plugin {
	_, bad := transforms.Parse(p.File.Transforms())
	for _, err := range bad {
		v.doubtful(where, "plugin %q (%s): [transforms] %v", p.Name(), p.File.Path, err)
	}
	if p.Kind == plugin.KindPython {
		if err := safefile.Look(ctx, filepath.Join(filepath.Dir(p.File.Path), "requirements.txt")); err != nil {
			v.doubtful(where, "plugin %q (%s): what it requires is not checked: %v", p.Name(), p.File.Path, err)
		}
	}
	if !v.loads {
		return p
	}
	if v.loader == nil {
		settings := runtimes.Settings{
			Python: python.Settings{PythonEnv: plugin.PythonEnv{Interpreter: cfg.Python.Interpreter, MaxWorkers: 1}, Inherit: cfg.Python.Environment},
			Host:   runtimes.Host{Info: wire.HostInfo{Name: "panoptes"}},
		}
		settings.Host.Context, settings.Host.Hidden = cfg.PluginContext()
		var err error
		if v.loader, err = loading.New(settings); err != nil {
			v.wrong(where, err)
			v.loads = false
			return p
		}
	}
	typed, err := v.loader.Load(ctx, p)
	if err == nil {
		return typed
	}
	if _, unfit := errors.AsType[*python.InterpreterError](err); unfit {
		return nil // unload says so for all
	}
	var raised *run.PluginError
	if errors.As(err, &raised) && raised.Traceback != "" {
		err = errors.Join(err, errors.New(raised.Traceback))
	}
	v.wrong(where, err)
	return nil
}

// unload ends what load started for a receiver, and tells of the interpreters that run no plugin.
func (v *validation) unload(where string) {
	if v.loader == nil {
		return
	}
	for _, u := range v.loader.Unfit() {
		v.wrong(where, fmt.Errorf("%w; not checked for that: %s", u.Err, logs.Count(u.Plugins, "plugin")))
	}
	if err := v.loader.Close(); err != nil {
		v.wrong(where, err)
	}
	v.loader = nil
}
