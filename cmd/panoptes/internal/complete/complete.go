// Package complete lets shells complete what flags and arguments may be: fixed words, and names from the files that the command
// line names so far. What cannot be read completes to nothing, without a word.
package complete

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// Flag completes a flag with fixed words.
func Flag(cmd *cobra.Command, flag string, words ...string) {
	register(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// Found completes a flag with what find finds. It is called when the flags of the command line are read.
func Found(cmd *cobra.Command, flag string, find func(*cobra.Command) []cobra.Completion) {
	register(cmd, flag, func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return find(cmd), cobra.ShellCompDirectiveNoFileComp
	})
}

// Resources completes a flag with the ids of the resources that a plugin runs against: those in the files of --resources, or else those
// that files list of the configurations of --config, or else those beside the plugin, which is the first argument.
func Resources(cmd *cobra.Command, flag string) {
	register(cmd, flag, func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return resources(cmd, args), cobra.ShellCompDirectiveNoFileComp
	})
}

func resources(cmd *cobra.Command, args []string) []string {
	files, err := cmd.Flags().GetStringArray("resources")
	switch {
	case err != nil:
		return nil
	case len(files) > 0:
	case cmd.Flags().Changed("config"):
		return resourcesOf(cmd.Context(), receiverOf(cmd))
	case len(args) > 0:
		folder := args[0]
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			folder = filepath.Dir(folder)
		}
		if file := input.ResourcesIn(folder); file != "" {
			files = []string{file}
		}
	}
	found, _, _ := input.Resources(cmd.Context(), slices.DeleteFunc(files, input.Once), io.Discard)
	return idsOf(found)
}

// Running finds what a running Collector has.
type Running func(*cobra.Command) []cobra.Completion

// PluginAndResource completes the first argument with the names of the plugins of the configurations of --config, and the second
// with the ids of its resources, as far as files list them; without --config, with what the running Collector has.
func PluginAndResource(cmd *cobra.Command, plugins, resources Running) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) (found []cobra.Completion, _ cobra.ShellCompDirective) {
		switch configured := cmd.Flags().Changed("config"); {
		case len(args) == 0 && configured:
			found = pluginsOf(receiverOf(cmd))
		case len(args) == 0:
			found = plugins(cmd)
		case len(args) == 1 && configured:
			found = resourcesOf(cmd.Context(), receiverOf(cmd))
		case len(args) == 1:
			found = resources(cmd)
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// receiverOf is the receiver of the configurations of --config; nil where there is none.
func receiverOf(cmd *cobra.Command) *panoptesreceiver.Config {
	configs, err := cmd.Flags().GetStringArray("config")
	if err != nil || len(configs) == 0 || slices.ContainsFunc(configs, input.Once) {
		return nil
	}
	config, err := collectorconfig.Load(cmd.Context(), configs)
	if err != nil {
		return nil
	}
	id, _ := cmd.Flags().GetString("receiver")
	receiver, _, err := config.Receiver(id)
	if err != nil {
		return nil
	}
	return receiver
}

func resourcesOf(ctx context.Context, receiver *panoptesreceiver.Config) (ids []string) {
	if receiver == nil {
		return nil
	}
	found, _, err := receiver.FindResources(ctx, panoptesreceiver.Finding{
		Host: collectorconfig.Host{}, Telemetry: collectorconfig.Telemetry(zap.NewNop()), Asked: true,
	})
	if err != nil {
		return nil
	}
	return idsOf(found)
}

func idsOf(found []*pluginsdk.Resource) (ids []string) {
	for _, r := range found {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids) // cobra reads the flags twice, and so each file
	return slices.Compact(ids)
}

func pluginsOf(receiver *panoptesreceiver.Config) (names []string) {
	if receiver == nil {
		return nil
	}
	var dirs []string
	for _, d := range receiver.Plugins.Directories {
		dirs = append(dirs, d.Path)
	}
	files, _ := input.PluginFiles(dirs)
	for _, path := range files {
		if f, err := pluginfile.Load(path); err == nil {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// register panics where there is no such flag: a mistake in a command ends every test.
func register(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}
