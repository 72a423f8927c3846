package plugincmd

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/scaffold"
)

// NewNew returns the command plugin new.
func NewNew() *cobra.Command {
	var language, dir string
	cmd := &cobra.Command{
		Use:   "new NAME --lang LANGUAGE",
		Short: "Write a new plugin that runs",
		Long: `Writes a folder with a plugin file, a plugin and a resource to run it against. It runs and passes "plugin check" as it
is; make it yours from there. The files are listed on stdout.`,
		Example: `  panoptes plugin new disk_usage --lang python
  panoptes plugin new check_queue --lang sh --dir /etc/panoptes/plugins`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := scaffold.Write(dir, args[0], language)
			if err != nil {
				return exit.Misuse(err)
			}
			for _, f := range files {
				fmt.Fprintln(cmd.OutOrStdout(), f)
			}
			next := cmd.ErrOrStderr()
			resources := filepath.Join(filepath.Dir(files[0]), "resources.json")
			if steps := scaffold.Build(language); steps != "" {
				fmt.Fprintf(next, "Build it: (cd %s && %s)\n", filepath.Dir(files[0]), steps)
			}
			fmt.Fprintf(next, "Run it:   panoptes plugin run %s --resources %s --times 2\n", files[0], resources)
			fmt.Fprintf(next, "Check it: panoptes plugin check %s --resources %s\n", files[0], resources)
			return nil
		},
	}
	cmd.Flags().StringVar(&language, "lang", "python", "the `LANGUAGE`: "+strings.Join(scaffold.Languages, ", "))
	cmd.Flags().StringVar(&dir, "dir", ".", "the `DIRECTORY` in which the plugin's folder is made")
	return cmd
}
