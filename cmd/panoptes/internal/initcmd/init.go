// Package initcmd is the command panoptes init: a folder from which a Collector polls something at once.
package initcmd

import (
	"bytes"
	_ "embed" // the configuration
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/complete"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/scaffold"
	"github.com/panoptes-otel/panoptes-otel/internal/quote"
)

//go:embed templates/collector.yaml
var collectorTemplate string

// exporter is where metrics can go, with the component that takes them there, and where they are to be seen then.
type exporter struct{ name, component, see string }

var exporters = []exporter{
	{"prometheus", "prometheus", "curl -s http://127.0.0.1:9464/metrics | grep ^" + pluginName},
	{"kafka", "panoptes_json", "panoptes tail --brokers 127.0.0.1:9092"},
	{"otlp", "otlp_grpc", "in what listens on 127.0.0.1:4317"},
}

const (
	// pluginName is what the plugin is called that is written.
	pluginName = "hello"
	// every is how often it runs, in seconds: often, for somebody waits for the first rate.
	every = 10
	// resources are two, for the first look.
	resources = "resource_id,resource_endpoint\nthis_host,127.0.0.1\nother_host,127.0.0.2\n"
)

type options struct{ folder, language, exporter string }

// New returns the command init.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a Collector's configuration with a plugin and resources, ready to run",
		Long: `Writes collector.yaml, a plugin and a list of resources into a folder, by default this one, and says the one command that
runs them. Nothing that is there already is changed.`,
		Example: `  panoptes init
  panoptes init network --exporter kafka --lang sh`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.folder = "."
			if len(args) > 0 {
				o.folder = filepath.Clean(args[0])
			}
			return o.run(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&o.language, "lang", "python", "the `LANGUAGE` of the plugin: "+strings.Join(scaffold.Languages, ", "))
	var names []string
	for _, e := range exporters {
		names = append(names, e.name)
	}
	cmd.Flags().StringVar(&o.exporter, "exporter", names[0], "where metrics `GO`: "+strings.Join(names, ", "))
	complete.Flag(cmd, "lang", scaffold.Languages...)
	complete.Flag(cmd, "exporter", names...)
	return cmd
}

func (o options) run(stdout, stderr io.Writer) error {
	i := slices.IndexFunc(exporters, func(e exporter) bool { return e.name == o.exporter })
	if i < 0 {
		return exit.Misusef("unknown exporter %q: panoptes init --help lists those there are", o.exporter)
	}
	config, err := o.config(exporters[i].component)
	if err != nil {
		return exit.Misuse(err)
	}
	files := map[string]string{"collector.yaml": config, "resources.csv": resources}
	names := []string{"collector.yaml", "resources.csv"}
	for _, name := range append(names, filepath.Join("plugins", pluginName)) {
		path := filepath.Join(o.folder, name)
		if _, err := os.Lstat(path); err == nil {
			return exit.Misusef("%s is there already: name another folder", path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return exit.Misuse(err)
		}
	}
	checkout, err := scaffold.FindCheckout("", o.folder)
	if err != nil {
		return err
	}
	written, err := scaffold.WritePlugin(filepath.Join(o.folder, "plugins"), scaffold.Plugin{
		Name: pluginName, Language: o.language, Every: every, Checkout: checkout,
	})
	if err != nil {
		return exit.Misuse(err)
	}
	for _, name := range names {
		path := filepath.Join(o.folder, name)
		if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil {
			return err
		}
		written = append(written, path)
	}
	for _, path := range written {
		fmt.Fprintln(stdout, path)
	}
	return o.tellNext(stderr, written[0], exporters[i].see)
}

// config is the Collector's configuration.
func (o options) config(component string) (string, error) {
	t, err := template.New("collector.yaml").Parse(collectorTemplate)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct{ Exporter, Component string }{o.exporter, component})
	return out.String(), err
}

// tellNext says the command that runs it, and where to look.
func (o options) tellNext(w io.Writer, pluginFile, see string) error {
	in := func(command string) string {
		if o.folder == "." {
			return command
		}
		return fmt.Sprintf("(cd %s && %s)", quote.Shell(o.folder), command)
	}
	plugin := filepath.ToSlash(filepath.Join("plugins", pluginName))
	if build := scaffold.Build(o.language); build != "" {
		fmt.Fprintf(w, "Build:  (cd %s && %s)\n", quote.Shell(filepath.Dir(pluginFile)), build)
	}
	fmt.Fprintf(w, "Run:    %s\n", in("panoptes-otelcol --config collector.yaml"))
	fmt.Fprintf(w, "See:    %s\n        http://127.0.0.1:13150/ has what runs, and what goes wrong\n", see)
	_, err := fmt.Fprintf(w, "Change: resources.csv lists what is polled; %s shows what an edit of the plugin does\n",
		in("panoptes plugin run "+plugin+" --resources resources.csv --watch"))
	return err
}
