//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTutorial follows docs/tutorial.md.
func TestTutorial(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	w := newWalk(t, "../../docs/tutorial.md", nil)
	w.show(t, "collector.log")
	files, commands := w.follow(t)
	require.Greater(t, files, 8)
	require.Greater(t, commands, 20)
}

// freePorts has a page's text name free ports in the places of those of panoptes init, and its configuration, too.
func freePorts(t *testing.T, config string) *strings.Replacer {
	t.Helper()
	metrics, pages := fmt.Sprint(freePort(t)), fmt.Sprint(freePort(t))
	return strings.NewReplacer("127.0.0.1:9464", "127.0.0.1:"+metrics,
		"panoptes-otelcol --config collector.yaml", "sed -i 's/:9464/:"+metrics+"/; s/panoptes_status:$/&\\n    endpoint: 127.0.0.1:"+pages+"/' "+config+
			"; panoptes-otelcol --set service.telemetry.metrics.level=none --config collector.yaml")
}

// TestFirstMetric follows docs/first-metric.md.
func TestFirstMetric(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	text, err := os.ReadFile("../../docs/first-metric.md")
	require.NoError(t, err)
	// What init prints is as it is; the Collector it starts has ports of its own.
	first, rest, found := strings.Cut(string(text), "Check the configuration, and start")
	require.True(t, found)
	page := filepath.Join(t.TempDir(), "page.md")
	write(t, page, first+freePorts(t, "collector.yaml").Replace(rest))
	w := newWalk(t, page, nil)
	w.show(t, "hosts/log")
	_, commands := w.follow(t)
	require.Greater(t, commands, 6)
}

// TestReadmeFirstLines runs the first commands of the README in an empty folder.
func TestReadmeFirstLines(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir := t.TempDir()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	block := fence.FindAllStringSubmatch(string(text), -1)[1]
	require.Equal(t, "sh", block[1])
	commands, look, found := strings.Cut(block[2], "sleep 40; ")
	require.True(t, found)
	ports := freePorts(t, "collector.yaml")
	script := ports.Replace(commands) + "ran=$!; trap 'kill $ran; wait' EXIT\nuntil " + ports.Replace(strings.TrimSpace(look)) + " | grep tries_rate; do sleep 1; done\n" + ports.Replace(look)
	cmd := exec.CommandContext(t.Context(), "timeout", "100", "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary(t, "panoptes"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	log, _ := os.ReadFile(filepath.Join(dir, "hosts", "log"))
	require.NoError(t, err, "%s\n%s\n%s", script, out, tail(string(log), 10000))
	for _, metric := range []string{"hello_answer_time_seconds", "hello_tries_rate_per_second", "hello_tries_total", "hello_up"} {
		require.Contains(t, string(out), metric+`{instance="host7",job="default/system.host.generic",port="22"} `)
	}
}
