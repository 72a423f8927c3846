//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// demo starts the quickstart as `make run` does, from the repository's root, on ports of its own.
func demo(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	args = append([]string{
		"demo", "--config", filepath.Join(root, "examples/quickstart/collector.yaml"),
		"--broker-port", fmt.Sprint(freePort(t)), "--prometheus-port", fmt.Sprint(freePort(t)), "--status-port", fmt.Sprint(freePort(t)),
	}, args...)
	return start(t, append(env, "PANOPTES_QUICKSTART="+filepath.Join(root, "examples/quickstart")), binary(t, "panoptes"), args...)
}

func TestDemo(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	p := demo(t, nil, "--duration", "15s")
	<-p.done
	require.NoError(t, p.err, p.output())
	for _, text := range []string{"local-processed", "system:host:generic", "context_switch_count", "host_network", "/metrics", "machine.py"} {
		require.Contains(t, p.output(), text)
	}
}

func TestDemoInterrupted(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	p := demo(t, nil)
	p.waitForLog(t, "context_switch_count")
	require.NoError(t, p.stop(t, os.Interrupt), "ctrl-c is the normal end")
	require.Contains(t, p.output(), "Groups that arrived from Kafka")
}

func TestDemoSaysWhatIsMissing(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	for what, c := range map[string]struct {
		env, args []string
		message   string
	}{
		"a broker port in use":     {nil, []string{"--broker-port", taken}, taken},
		"a Prometheus port in use": {nil, []string{"--prometheus-port", taken}, taken},
		"no python3":               {[]string{"PATH=" + t.TempDir()}, nil, "python3"},
		"no Collector":             {nil, []string{"--collector", "/nonexistent/panoptes-otelcol"}, "make build"},
	} {
		t.Run(what, func(t *testing.T) {
			p := demo(t, c.env, c.args...)
			<-p.done
			require.Equal(t, 2, p.cmd.ProcessState.ExitCode(), p.output())
			require.Contains(t, p.output(), c.message)
			require.NotContains(t, p.output(), "goroutine ")
		})
	}
}
