package panoptesreceiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/bounds"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/internal/scratch"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/plugindir"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/report"
)

// openRunners opens what runs plugins, and the folder of their copies.
func (r *panoptesReceiver) openRunners(host component.Host) (copies string, err error) {
	goPlugins, err := pluginextension.Collect(host.GetExtensions())
	if err != nil {
		return "", err
	}
	if err := r.openShared(host); err != nil {
		return "", err
	}
	if r.snmp, err = engine.New(r.cfg.Context.SNMP.EngineOptions()); err != nil {
		return "", err
	}
	settings := r.runnerSettings(goPlugins)
	settings.Host.Heard = r.pluginLogs != nil || len(status.Boards(host.GetExtensions())) > 0
	if settings.Programs, err = r.cfg.Processes.settings(); err != nil {
		return "", err
	}
	if r.runners, err = runtimes.New(settings); err != nil {
		return "", err
	}
	r.cfg.Processes.hide(r.logger)
	child.ReserveThreads()
	asUser := settings.Programs.Hardening.User != nil
	if r.snapshots, err = scratch.Make("panoptes-copies-", asUser); err != nil {
		return "", fmt.Errorf("make a folder for copies of plugins: %w", err)
	}
	if asUser {
		if err := os.Chmod(r.snapshots.Path, 0o711); err != nil { // nobody else needs to see what is there
			return "", fmt.Errorf("let user %q run copies of plugins: %w", r.cfg.Processes.RunAs, err)
		}
	}
	return r.snapshots.Path, nil
}

// pluginSettings makes paths absolute, so that log lines and plugins mean the same by them.
func (r *panoptesReceiver) pluginSettings() (plugindir.PluginSettings, error) {
	plugins, err := r.cfg.Plugins.settings()
	plugins.MaxChecks, plugins.Logger, plugins.Failed = r.cfg.Python.Workers(), r.logger, r.reloadError("plugin")
	plugins.Health = func(err error) { r.report.Health.Set(report.ProblemPlugins, err) }
	return plugins, err
}

// settings are where plugins are found, and how they are opened.
func (c *PluginsConfig) settings() (plugindir.PluginSettings, error) {
	plugins := plugindir.PluginSettings{
		Settle: c.Settle, ScanInterval: c.ScanInterval, Open: c.OpenOptions,
	}
	for _, d := range c.Directories {
		path, err := filepath.Abs(d.Path)
		if err != nil {
			return plugins, fmt.Errorf("plugins::directories: %q: %w", d.Path, err)
		}
		plugins.Directories = append(plugins.Directories, path)
	}
	return plugins, nil
}

func (r *panoptesReceiver) runnerSettings(goPlugins map[string]pluginsdk.PollingPlugin) runtimes.Settings {
	seen, hidden := r.cfg.PluginContext()
	s := runtimes.Settings{
		Python: python.Settings{
			PythonEnv: r.cfg.Python.env(), RuntimeDir: r.cfg.Python.runtimeDir(), Inherit: r.cfg.Python.Environment,
			Isolated: r.cfg.Python.Isolation == isolationPlugin,
		},
		GoPlugins: goPlugins,
		Limits:    run.Limits{Bounds: bounds.Bounds{Dimensions: r.cfg.Limits.Dimensions}},
		Host: runtimes.Host{
			Info:    wire.HostInfo{Name: r.set.BuildInfo.Command, Version: r.set.BuildInfo.Version},
			Context: seen,
			SNMP:    r.cfg.Context.SNMP.DeviceSettings(), Engine: r.snmp,
			Logger: r.logger,
			KV:     r.enrichment.Store, Enrichment: r.enrichment, Resources: &r.known,
			Hidden: hidden,
			Restarted: func(kind plugin.Kind, reason string) {
				r.telemetry.PanoptesWorkerRestarts.Add(context.Background(), 1,
					metric.WithAttributeSet(attribute.NewSet(attribute.String("runtime", string(kind)), attribute.String("reason", reason))))
			},
			Recycled: func(reason string) {
				r.telemetry.PanoptesRecycledWorkers.Add(context.Background(), 1,
					metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
			},
		},
	}
	if r.shared != nil {
		s.Host.Own = r.shared.Namespace
	}
	if dir := r.cfg.Secrets.Directory; dir != "" {
		info, err := safefile.Try(context.Background(), "open", dir, func() (os.FileInfo, error) { return os.Stat(dir) })
		if err == nil && !info.IsDir() {
			err = errors.New("it is no folder")
		}
		if err != nil {
			r.logger.Warn("The directory of secrets cannot be read now; plugins find no secret until it can be", zap.String("path", dir), zap.Error(err))
		}
		s.Host.Secrets = kv.NewSecrets(dir)
	} else if r.shared != nil {
		s.Host.Secrets = r.shared.Secrets()
	}
	return s
}

// orphan tells that a process that a plugin left behind was ended. Its arguments may be secret.
func (r *panoptesReceiver) orphan(pid int, command string) {
	program, _, _ := strings.Cut(command, " ")
	r.logger.Warn("Ended a process that a plugin left behind", zap.Int("pid", pid), zap.String("program", logs.OneLine(program)),
		zap.String("next", "let plugins wait for what they start, in the session that they are started in"))
}
