package whole

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Collector is a Collector with the receiver, and a file for all metrics.
type Collector struct {
	*Program
	port int
}

// Settings say what a Collector does.
type Settings struct {
	// Binary is the program, Dir a folder for all its files.
	Binary, Dir string
	Resources   []*pluginsdk.Resource
	// Plugins are files by name: the plugins' own and their programs, which may be run where the name has no dot.
	Plugins map[string]string
	// Interpreter is that of Python plugins, Processors what stands between receiver and file.
	Interpreter, Processors string
}

const config = `receivers: {panoptes: {plugins: {directories: [%[1]s/plugins]}, resources: {files: [%[1]s/resources.json]}, python: {interpreter: %[2]s}}}
processors: {panoptes_rate: {}}
exporters: {file: {path: %[1]s/groups}}
service:
  pipelines: {metrics: {receivers: [panoptes], processors: [%[4]s], exporters: [file]}}
  telemetry:
    logs: {level: info, output_paths: [%[1]s/log], error_output_paths: [%[1]s/log]}
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[3]d}}}}]}
`

// StartCollector starts a Collector.
func StartCollector(s Settings) *Collector {
	must(os.MkdirAll(filepath.Join(s.Dir, "plugins"), 0o755))
	for name, text := range s.Plugins {
		mode := os.FileMode(0o644)
		if !strings.Contains(name, ".") {
			mode = 0o755
		}
		must(os.WriteFile(filepath.Join(s.Dir, "plugins", name), []byte(text), mode))
	}
	resources := make([]json.RawMessage, len(s.Resources))
	for i, r := range s.Resources {
		resources[i] = r.AppendJSON(nil)
	}
	text, err := json.Marshal(resources)
	must(err)
	must(os.WriteFile(filepath.Join(s.Dir, "resources.json"), text, 0o600))
	port := freePort()
	file := filepath.Join(s.Dir, "collector.yaml")
	must(os.WriteFile(file, fmt.Appendf(nil, config, s.Dir, s.Interpreter, port, s.Processors), 0o600))
	return &Collector{Start(filepath.Join(s.Dir, "output"), s.Binary, "--config", file), port}
}

// Counts are the Collector's own metrics of runs, since its start.
type Counts struct {
	// Runs are those that ended well, Others all others and those that were skipped.
	Runs, Others float64
	// late is how many began within so many seconds of their time.
	late map[float64]float64
}

// Counts asks the Collector.
func (c *Collector) Counts() Counts {
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", c.port))
	must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(err)
	counts := Counts{late: map[float64]float64{}}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		name, found := strings.CutPrefix(line, "otelcol_panoptes_")
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		must(err)
		switch {
		case strings.HasPrefix(name, "run_lateness") && strings.Contains(name, `le="`):
			_, bound, _ := strings.Cut(name, `le="`)
			bound, _, _ = strings.Cut(bound, `"`)
			seconds, err := strconv.ParseFloat(bound, 64)
			must(err)
			counts.late[seconds] += n
		case strings.HasPrefix(name, "runs") && strings.Contains(name, `outcome="ok"`):
			counts.Runs += n
		case strings.HasPrefix(name, "runs"), strings.HasPrefix(name, "skipped_runs"):
			counts.Others += n
		}
	}
	return counts
}

// Since is what was counted since then.
func (c Counts) Since(then Counts) Counts {
	since := Counts{c.Runs - then.Runs, c.Others - then.Others, map[float64]float64{}}
	for bound, n := range c.late {
		since.late[bound] = n - then.late[bound]
	}
	return since
}

// Late is the bound in seconds, of those that the Collector counts by, within which so large a share of the runs began.
func (c Counts) Late(share float64) float64 {
	all := c.late[math.Inf(1)]
	for _, bound := range slices.Sorted(maps.Keys(c.late)) {
		if c.late[bound] >= share*all {
			return bound
		}
	}
	return math.Inf(1)
}

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
