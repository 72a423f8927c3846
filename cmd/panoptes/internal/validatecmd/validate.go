// Package validatecmd is the command panoptes validate.
package validatecmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/loading"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// New returns the command validate.
func New() *cobra.Command {
	var configs []string
	var collector, gates string
	var noLoad bool
	cmd := &cobra.Command{
		Use:   "validate [FILE...]",
		Short: "Check a Collector's configuration, with the plugins and resources it names",
		Long: `Checks the configuration of a Collector before it is rolled out: the settings of this project's components, the
plugin files and resource files that they name, and what the pipelines make of them. Plugins are loaded as a Collector
loads them: modules are imported, requirements checked, programs that live on are started to describe themselves (--no-load: not).
None is run, and nothing is asked of the network.

Stock components are checked by the program panoptes-otelcol, which is looked for beside this command and in PATH.
Without it only their names are looked at, and stderr says so.

FILE may be - for stdin, or a pipe. Findings go to stdout, one a line: "error" for what is wrong, "warning" for what works but
is hardly meant, such as a batch processor behind the receiver panoptes. The exit code is 1 where there are any.`,
		Example: `  panoptes validate collector.yaml
  panoptes validate --config base.yaml --config site.yaml --collector /usr/local/bin/panoptes-otelcol
  panoptes validate --config collector.yaml --feature-gates=extension.healthcheck.useComponentStatus`,
		RunE: func(cmd *cobra.Command, files []string) error {
			configs = append(configs, files...)
			if len(configs) == 0 {
				return exit.Misusef("no configuration is named: expected panoptes validate FILE")
			}
			for i := range configs {
				var err error
				if configs[i], err = input.Config(cmd.Context(), configs[i]); err != nil {
					return err
				}
			}
			return validate(cmd.Context(), configs, collector, gates, !noLoad, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringArrayVar(&configs, "config", nil, "a `FILE` or URI of configuration, as the Collector takes it, or - for stdin; may be repeated, later ones win, and arguments over all of them")
	cmd.Flags().StringVar(&collector, "collector", "", "the Collector's `PROGRAM`, which checks the stock components")
	cmd.Flags().StringVar(&gates, "feature-gates", "", "the feature `GATES` that the Collector will be started with, as it takes them")
	cmd.Flags().BoolVar(&noLoad, "no-load", false, "do not load plugins: neither import their modules nor start their programs")
	return cmd
}

// validation is one check of a configuration.
type validation struct {
	findings
	config *collectorconfig.Config
	// transforming is, of a receiver that has any, the plugin with [transforms] that runs least often. Such a plugin polls
	// for certain: of others it is their module that says so.
	transforming map[component.ID]*plugin.Plugin
	// keeping is, of a receiver that has any, the first plugin that seems to use the key-value store.
	keeping map[component.ID]*plugin.Plugin
	plugins int
	found   int // resources
	loads   bool
	loader  *loading.Loader // of the receiver that is checked, once it has a plugin to load
}

func validate(ctx context.Context, configs []string, collector, gates string, loads bool, stdout, stderr io.Writer) error {
	v := validation{
		findings:     findings{out: stdout, style: term.StyleOf(stdout)},
		transforming: map[component.ID]*plugin.Plugin{},
		loads:        loads,
		keeping:      map[component.ID]*plugin.Plugin{},
	}
	var err error
	if v.config, err = collectorconfig.Load(ctx, configs); err != nil {
		v.wrong("configuration", err)
		return v.verdict()
	}
	v.components(ctx)
	v.pipelines()
	v.extensions()
	v.sharding()
	if v.errors == 0 {
		v.collector(ctx, collector, gates, configs, stderr)
	}
	return v.verdict()
}

// components decodes this project's components; what is right goes on to be checked with its files.
func (v *validation) components(ctx context.Context) {
	for _, kind := range collectorconfig.Kinds {
		for _, id := range v.config.IDs(kind) {
			cfg, err := v.config.Decode(kind, id)
			if err != nil {
				v.wrong(string(kind)+"::"+id.String(), err)
				continue
			}
			switch cfg := cfg.(type) {
			case *panoptesreceiver.Config:
				v.receiver(ctx, id, cfg)
			case *panoptesshardsextension.Config:
				v.shards(id, cfg)
			case *panoptesstatusextension.Config:
				if what := cfg.Exposed(); what != "" {
					v.doubtful("extensions::"+id.String()+"::endpoint", "is open to the network: %s", what)
				}
			}
		}
	}
}

// verdict writes the last line.
func (v *validation) verdict() error {
	if v.errors > 0 {
		fmt.Fprintf(v.out, "%s: %s, %s\n", v.style.Paint(term.Red, "invalid"), logs.Count(v.errors, "error"), logs.Count(v.warnings, "warning"))
		return exit.ErrReported
	}
	fmt.Fprintf(v.out, "%s: %s, %s, %s\n", v.style.Paint(term.Green, "valid"),
		logs.Count(v.plugins, "plugin"), logs.Count(v.found, "resource"), logs.Count(v.warnings, "warning"))
	if v.warnings > 0 {
		return exit.ErrReported
	}
	return nil
}
