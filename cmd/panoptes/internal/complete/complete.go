// Package complete lets shells complete what flags and arguments may be: fixed words, and names from the files that the command
// line names so far. What cannot be read completes to nothing, without a word.
package complete

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
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

// Resources completes a flag with the ids of the resources in the files of --resources.
func Resources(cmd *cobra.Command, flag string) {
	register(cmd, flag, func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return resources(cmd), cobra.ShellCompDirectiveNoFileComp
	})
}

func resources(cmd *cobra.Command) (ids []string) {
	files, err := cmd.Flags().GetStringArray("resources")
	if err != nil {
		return nil
	}
	found, _, _ := input.Resources(files, io.Discard)
	for _, r := range found {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids) // cobra reads the flags twice, and so each file
	return slices.Compact(ids)
}

// Plugins completes the first argument with the names of the plugins of the configurations of --config; without any, with
// those that running finds.
func Plugins(cmd *cobra.Command, running func(*cobra.Command) []cobra.Completion) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if !cmd.Flags().Changed("config") {
			return running(cmd), cobra.ShellCompDirectiveNoFileComp
		}
		return plugins(cmd), cobra.ShellCompDirectiveNoFileComp
	}
}

func plugins(cmd *cobra.Command) (names []string) {
	configs, err := cmd.Flags().GetStringArray("config")
	if err != nil || len(configs) == 0 {
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
