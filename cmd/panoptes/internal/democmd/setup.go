package democmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/quote"
)

const (
	collectorName = "panoptes-otelcol"
	quickstart    = "examples/quickstart"
	// The oldest Python that runs plugins.
	pythonMajor, pythonMinor = 3, 8
	pythonLimit              = 20 * time.Second
)

// setup is what a demo consists of, once all of it is known to be there.
type setup struct {
	collector string
	config    string
	// home is the folder of the configuration, which holds plugins and resources.
	home       string
	broker     string
	prometheus string
	status     string
}

// prepare looks for everything that the demo needs, so that what is missing is said before anything starts.
func (o *options) prepare(ctx context.Context) (*setup, error) {
	s := &setup{
		broker:     net.JoinHostPort(address, strconv.Itoa(o.brokerPort)),
		prometheus: net.JoinHostPort(address, strconv.Itoa(o.prometheusPort)),
		status:     net.JoinHostPort(address, strconv.Itoa(o.statusPort)),
	}
	var err error
	if s.collector, err = findCollector(o.collector); err != nil {
		return nil, exit.Misuse(err)
	}
	if s.config, err = findConfig(o.config); err != nil {
		return nil, exit.Misuse(err)
	}
	s.home = filepath.Dir(s.config)
	if given := os.Getenv("PANOPTES_QUICKSTART"); given != "" {
		s.home = given
	}
	if err := checkPython(ctx); err != nil {
		return nil, exit.Misuse(err)
	}
	for _, port := range []struct {
		what, flag string
		number     int
	}{
		{"the embedded broker", "--broker-port", o.brokerPort},
		{"the Prometheus text", "--prometheus-port", o.prometheusPort},
		{"the status pages", "--status-port", o.statusPort},
	} {
		if port.number < 1 || port.number > 65535 {
			return nil, exit.Misusef("%s must be from 1 to 65535, is %d", port.flag, port.number)
		}
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port.number)))
		if err != nil {
			return nil, exit.Misuse(portError(port.what, port.number, port.flag, err))
		}
		_ = l.Close()
	}
	return s, nil
}

func portError(what string, port int, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d of %s, for %s, is in use already: stop what listens there (another demo?) or choose another port with %s",
			port, address, what, flag)
	}
	return fmt.Errorf("cannot listen on port %d of %s for %s: %w", port, address, what, err)
}

func findCollector(given string) (string, error) {
	path := given
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("cannot find this program's folder, where the Collector is expected: %w; name it with --collector", err)
		}
		path = filepath.Join(filepath.Dir(self), collectorName)
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot find the Collector: %w; `make build` makes it, --collector names another place", err)
	case info.IsDir() || runtime.GOOS != "windows" && info.Mode()&0o111 == 0:
		return "", fmt.Errorf("the Collector %q is no program; `make build` makes it, --collector names another place", path)
	}
	return filepath.Abs(path)
}

// findConfig looks for the quickstart's configuration below the working directory and beside the folder of this program.
func findConfig(given string) (string, error) {
	candidates := []string{given}
	if given == "" {
		candidates = []string{filepath.Join(quickstart, "collector.yaml")}
		if self, err := os.Executable(); err == nil {
			candidates = append(candidates, filepath.Join(filepath.Dir(filepath.Dir(self)), quickstart, "collector.yaml"))
		}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("cannot find the Collector's configuration %s: run the demo from the repository's folder or name it with --config",
		strings.Join(candidates, " or "))
}

// checkPython makes sure that the interpreter of the quickstart's configuration is there and new enough.
func checkPython(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pythonLimit)
	defer cancel()
	path, err := exec.LookPath("python3")
	if err != nil {
		return fmt.Errorf("cannot find python3: the quickstart's plugin needs Python %d.%d or newer on the PATH", pythonMajor, pythonMinor)
	}
	out, err := exec.CommandContext(ctx, path, "-c", "import sys; print('%d %d' % sys.version_info[:2])").Output()
	if err != nil {
		return fmt.Errorf("%s does not run: %w", path, err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "%d %d", &major, &minor); err != nil {
		return fmt.Errorf("%s does not tell its version: %q", path, out)
	}
	if major < pythonMajor || major == pythonMajor && minor < pythonMinor {
		return fmt.Errorf("%s is Python %d.%d: Python %d.%d or newer is needed", path, major, minor, pythonMajor, pythonMinor)
	}
	return nil
}

// introduction says what is running, and what to do with it.
func (s *setup) introduction() []string {
	lines := []string{
		"The quickstart is running; Ctrl-C stops all of it.",
		"  Kafka        " + s.broker + " (embedded; panoptes tail --brokers " + s.broker + " shows what comes)",
		"  Prometheus   the same data as text: http://" + s.prometheus + "/metrics",
		"  Status       plugins, resources and tasks: http://" + s.status + "/",
		"  Collector    " + quote.Shell(s.collector) + " --config " + quote.Shell(s.config),
	}
	for _, path := range pluginfile.Walk(context.Background(), []string{filepath.Join(s.home, "plugins")}).Files {
		file, err := pluginfile.Load(path)
		if err != nil {
			continue
		}
		lines = append(lines, "  plugin       "+relative(path))
		if module, kind, _, err := file.ResolveModule(); err == nil && kind != pluginfile.KindGo {
			lines = append(lines, "               "+relative(module)+": edit it now, a change takes effect within seconds")
		}
	}
	return lines
}

// relative is path as seen from the working directory, where that is below it.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
