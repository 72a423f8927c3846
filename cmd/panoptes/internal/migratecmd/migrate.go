package migratecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
)

type options struct {
	output      string
	secretsFrom []string
	secretsDir  string
	python      string
}

// New returns the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "migrate panoptes.ini [FILE]...",
		Short: "Write a Collector's configuration from panoptes.ini",
		Long: `Reads Panoptes' main configuration, and the file of its InfluxDB consumer where one is given too, and writes the
configuration of a Collector that does the same. Comments in it name the keys that values came from. The report names
every key of the files: what was carried over and where to, what has no counterpart, why, and what to do, what is wrong,
and what nobody knows, with file and line. Values are not shown. Of two files that differ the first counts.

Plugins that are there are loaded, without being run, and the report names those that would not run, and why, and which
variables of the environment they ask for in vain.

With --secrets-from and --secrets-dir the secrets that Panoptes kept in Redis become files DIR/NAME/SITE, as the receiver
reads them. Where Panoptes shards Redis, give each shard. The password may be in the URL, or in the environment variable
` + passwordVariable + `. Nothing is changed in Redis.

The exit code is 1 where something is left to look at: a key that is wrong or unknown, a plugin that would not run, or a
secret that has no file.`,
		Example: `  panoptes migrate /home/panoptes/conf/panoptes.ini
  panoptes migrate panoptes.ini influxdb_consumer.ini --output /etc/panoptes-otelcol/collector.yaml
  panoptes migrate panoptes.ini --secrets-from redis://127.0.0.1:6379/0 --secrets-dir /etc/panoptes-otelcol/secrets`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return o.run(cmd.Context(), files, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.output, "output", "o", "collector.yaml", "`FILE` to write, which must not exist yet; - is stdout, with the report on stderr")
	flags.StringArrayVar(&o.secretsFrom, "secrets-from", nil, "`URL` of a Redis with secrets, redis:// or rediss://; may be repeated")
	flags.StringVar(&o.secretsDir, "secrets-dir", "", "`DIR` to write secrets to")
	flags.StringVar(&o.python, "python", "", "the Python `INTERPRETER` of the plugins, 3.8 or newer, or the folder of a virtual environment")
	cmd.MarkFlagsRequiredTogether("secrets-from", "secrets-dir")
	_ = cmd.MarkFlagFilename("output", "yaml", "yml")
	_ = cmd.MarkFlagDirname("secrets-dir")
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return []cobra.Completion{"ini"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return cmd
}

func (o *options) run(ctx context.Context, files []string, stdout, stderr io.Writer) error {
	redises, err := parseRedisURLs(o.secretsFrom)
	if err != nil {
		return exit.Misuse(err)
	}
	t, err := translate(files, func(file string) ([]byte, error) { return input.ReadFile(ctx, file) })
	if err != nil {
		return exit.Misuse(err)
	}
	if o.secretsDir != "" {
		t.settings[receiver+"secrets::directory"] = setting{o.secretsDir, "written by panoptes migrate from Redis"}
	}
	if o.python != "" {
		t.settings[receiver+"python::interpreter"] = setting{o.python, "named by --python"}
	}
	text, err := t.document(files)
	if err != nil {
		return err
	}
	told := stdout
	if o.output == "-" {
		told = stderr
		if _, err := stdout.Write(text); err != nil {
			return err
		}
	} else if err := create(o.output, text); err != nil {
		return err
	}
	t.report(told)
	if o.output != "-" {
		over, of := t.count()
		fmt.Fprintf(told, "wrote %s: %d of %d keys carried over\n", o.output, over, of)
	}
	failed := t.failed()
	run, err := t.tryPlugins(ctx, o.python, told)
	if err != nil {
		return err
	}
	failed = failed || !run
	if o.secretsDir != "" {
		complete, err := takeSecrets(ctx, redises, o.secretsDir, told)
		if err != nil {
			return err
		}
		failed = failed || !complete
	}
	if failed {
		return exit.ErrReported
	}
	return nil
}

// create writes a file that is not there yet, for its owner alone: it may have a community.
func create(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return exit.Misusef("%s exists: remove it, or name another file with --output", path)
	}
	if err != nil {
		return exit.Misuse(err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
