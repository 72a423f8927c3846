package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/whole"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

//go:embed link.py
var script string

//go:embed plugin.py
var class string

// contestant polls all targets once in an interval.
type contestant struct {
	name string
	// warmUp is until it does what it will go on doing: all have been polled, and what only the start wanted has ended.
	warmUp time.Duration
	start  func(dir string) *whole.Program
}

// field has the programs and targets of all contestants.
type field struct {
	collector, telegraf, interpreter, script string
	targets                                  *targets
}

func (f *field) contestants() []contestant {
	return []contestant{
		{"exec", interval + 2*time.Second, f.collect("runtime = exec\nargs = {resource_endpoint} {resource_id}\n")},
		{"process", 75 * time.Second, f.collect("")},
		{"Python", 75 * time.Second, f.collect("runtime = python\n")},
		{"Telegraf exec, an input each", interval + 2*time.Second, f.gather(f.execInputs)},
		{"Telegraf exec, one input", interval * 3 / 2, f.gather(f.execInput)},
		{"Telegraf execd", interval + 2*time.Second, f.gather(f.execdInput)},
	}
}

// collect runs a Collector with a plugin; main are lines of its [main].
func (f *field) collect(main string) func(dir string) *whole.Program {
	return func(dir string) *whole.Program {
		s := whole.Settings{Binary: f.collector, Dir: dir, Interpreter: f.interpreter, Plugins: map[string]string{
			"link.panoptes-plugin": fmt.Sprintf("[Core]\nName = Link\nModule = link\n[main]\nexecute_frequency = %d\nresource_filter = resource_class = \"network\"\n%s",
				int(interval.Seconds()), main),
		}}
		if strings.Contains(main, "python") {
			s.Plugins["link.py"] = script + class
		} else {
			s.Plugins["link"] = f.text()
		}
		for i := range count {
			r := &pluginsdk.Resource{
				Site: "dc1", Class: "network", Subclass: "switch", Type: "generic", ID: target(i), Endpoint: f.targets.address(), Plugin: "p",
				CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1_700_000_000)),
			}
			must(r.Validate())
			s.Resources = append(s.Resources, r)
		}
		return whole.StartCollector(s).Program
	}
}

// text is the script as a program.
func (f *field) text() string { return "#!" + f.interpreter + " -ISB\n" + script }

// gather runs Telegraf's agent with inputs.
func (f *field) gather(inputs func() string) func(dir string) *whole.Program {
	return func(dir string) *whole.Program {
		must(os.MkdirAll(dir, 0o755))
		text := fmt.Sprintf("[agent]\ninterval = %q\nround_interval = false\nomit_hostname = true\n[[outputs.file]]\nfiles = [%q]\ndata_format = \"influx\"\n",
			interval, filepath.Join(dir, "metrics"))
		file := filepath.Join(dir, "telegraf.conf")
		must(os.WriteFile(file, []byte(text+inputs()), 0o600))
		return whole.Start(filepath.Join(dir, "output"), f.telegraf, file)
	}
}

const format = "data_format = \"json\"\ntag_keys = [\"dimensions_target\"]\n"

func (f *field) command(i int) string { return f.script + " " + f.targets.address() + " " + target(i) }

// execInputs has an input for each target, a little later than the one before, as only few then run at once.
func (f *field) execInputs() string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "[[inputs.exec]]\ncommands = [%q]\ntimeout = %q\ncollection_offset = %q\n%s",
			f.command(i), interval, interval/count*time.Duration(i), format)
	}
	return b.String()
}

// execInput has one input with all commands, which it starts at once.
func (f *field) execInput() string {
	commands := make([]string, count)
	for i := range commands {
		commands[i] = f.command(i)
	}
	return fmt.Sprintf("[[inputs.exec]]\ncommands = %s\ntimeout = %q\n%s", list(commands), interval, format)
}

func (f *field) execdInput() string {
	return fmt.Sprintf("[[inputs.execd]]\ncommand = %s\nsignal = \"STDIN\"\n%s",
		list([]string{f.script, "--each-line", f.targets.address(), fmt.Sprint(count)}), format)
}

// list is a list of texts in TOML.
func list(texts []string) string {
	text, err := json.Marshal(texts)
	must(err)
	return string(text)
}

func target(i int) string { return fmt.Sprint("switch", i) }
