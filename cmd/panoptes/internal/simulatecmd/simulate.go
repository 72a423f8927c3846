// Package simulatecmd is the command panoptes simulate.
package simulatecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// options are the flags.
type options struct {
	configs   []string
	resources []string
	hours     float64
	takes     []string
	devices   int
	members   int
}

// maxMembers bounds --members: each has numbers of its own for every second.
const maxMembers = shard.DefaultCount

// maxHours bounds what is held in memory: one number a second.
const maxHours = 24 * 31

// New returns the command simulate.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "simulate --config FILE [--hours N] [--takes D] [--takes PLUGIN=D]...",
		Short: "Print what a configuration would start, second by second, without running anything",
		Long: `Works out when the receivers of a configuration would start which plugin against which resource, from a cold start on:
starts a second, per plugin and per device. Nothing is run and nothing is asked of the network: resources come from the
receiver's files and its own configuration; --resources stands in for HTTP, Kafka and discovery.

How long runs take decides whether there are enough places for them. --takes says it for all plugins, or for one by its
Name; the default is one second. Warnings tell where runs would be late, or devices asked more than they are allowed to
be; the exit code is 1 then.

With --members it shows what each of so many Collectors gets that share the fleet in a group (extension panoptes_shards).`,
		Example: `  panoptes simulate --config collector.yaml --hours 1
  panoptes simulate --config collector.yaml --takes 300ms --takes 'Slow Plugin=20s' --resources discovered.json
  panoptes simulate --config collector.yaml --members 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), &o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringArrayVar(&o.configs, "config", nil, "a `FILE` or URI of configuration, as the Collector takes it; may be repeated, later ones win")
	cmd.Flags().StringArrayVar(&o.resources, "resources", nil, "a `FILE` of resources besides those of the configuration; may be repeated")
	cmd.Flags().Float64Var(&o.hours, "hours", 1, "how many `HOURS` to look at")
	cmd.Flags().StringArrayVar(&o.takes, "takes", nil, "how long a run takes: a `DURATION`, or PLUGIN=DURATION; may be repeated")
	cmd.Flags().IntVar(&o.devices, "devices", 10, "how many `DEVICES` to list, the busiest first")
	cmd.Flags().IntVar(&o.members, "members", 1, "how many `COLLECTORS` share the fleet")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

func run(ctx context.Context, o *options, stdout, stderr io.Writer) error {
	takes, err := parseTakes(o.takes)
	if err != nil {
		return exit.Misuse(err)
	}
	if !(o.hours > 0 && o.hours <= maxHours) {
		return exit.Misuse(fmt.Errorf("--hours must be greater than 0 and at most %d, is %g", maxHours, o.hours))
	}
	if o.members < 1 || o.members > maxMembers {
		return exit.Misuse(fmt.Errorf("--members must be from 1 to %d, is %d", maxMembers, o.members))
	}
	config, err := collectorconfig.Load(ctx, o.configs)
	if err != nil {
		return exit.Misuse(fmt.Errorf("configuration: %w", err))
	}
	span := time.Duration(o.hours * float64(time.Hour))
	found, overloaded := 0, false
	for _, id := range config.IDs(collectorconfig.Receivers) {
		decoded, err := config.Decode(collectorconfig.Receivers, id)
		if err != nil {
			return exit.Misuse(fmt.Errorf("receivers::%s: %w", id, err))
		}
		cfg, ok := decoded.(*panoptesreceiver.Config)
		if !ok {
			continue
		}
		found++
		fleet, err := load(ctx, "receivers::"+id.String(), cfg, o.resources, stderr)
		if err != nil {
			return exit.Misuse(err)
		}
		s := simulate(fleet, takes, time.Now(), span, o.members)
		overloaded = s.report(stdout, term.StyleOf(stdout), o.devices) || overloaded
	}
	switch {
	case found == 0:
		return exit.Misuse(errors.New("the configuration has no receiver panoptes"))
	case overloaded:
		return exit.ErrReported
	}
	return nil
}

// durations are how long runs take, by the Name of the plugin; "" is every other.
type durations map[string]time.Duration

func parseTakes(texts []string) (durations, error) {
	out := durations{"": time.Second}
	for _, text := range texts {
		name, value := "", text
		if at := strings.LastIndexByte(text, '='); at >= 0 {
			name, value = text[:at], text[at+1:]
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("--takes %q: expected a duration greater than zero such as 500ms, or PLUGIN=500ms", text)
		}
		out[name] = d
	}
	return out, nil
}

func (d durations) of(plugin string) time.Duration {
	if takes, ok := d[plugin]; ok {
		return takes
	}
	return d[""]
}
