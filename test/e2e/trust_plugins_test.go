//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const trustPluginsYAML = `
receivers:
  panoptes:
    plugins: {directories: [%[1]s/plugins], settle: 200ms, scan_interval: 1s}
    resources: {files: [%[1]s/resources.json]}
    python: {max_workers: 16, runtime_dir: %[1]s/runtime}
exporters:
  file: {path: %[1]s/out.json}
service:
  pipelines: {metrics: {receivers: [panoptes], exporters: [file]}}
  telemetry:
    logs: {level: error}
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[2]d}}}}]}
`

// One of these for each way to run a plugin must not lose a run.
var goodPlugins = map[string][2]string{
	"good python": {"good_python.py", `
from panoptes import check, gauge

@check
def run(ctx):
    return gauge("ok", 1)
`},
	"good exec":    {"good_exec.sh", "#!/bin/sh\ncat >/dev/null\n" + `echo '{"type": "t", "gauges": {"ok": 1}}'` + "\n"},
	"good process": {"good_process", processPlugin(`send({"jsonrpc": "2.0", "id": m["id"], "result": {"outcome": "ok", "groups": [{"type": "t", "gauges": {"ok": 1}}]}})`)},
}

// processPlugin is a program that answers runs with what a line of Python does.
func processPlugin(run string) string {
	return `#!/usr/bin/env python3
import json, os, signal, sys, time

def send(m):
    sys.stdout.write(json.dumps(m) + "\n")
    sys.stdout.flush()

for line in sys.stdin:
    m = json.loads(line)
    if m.get("method") == "run":
        ` + run + `
    elif m.get("method") == "initialize":
        send({"jsonrpc": "2.0", "id": m["id"], "result": {"protocol_version": m["params"]["protocol_version"], "capabilities": {}}})
    elif "id" in m:
        send({"jsonrpc": "2.0", "id": m["id"], "result": {}})
`
}

func hostilePython(body string) string {
	return "import os, signal, socket, ssl, sys, threading, time, urllib.request, warnings\nfrom panoptes import check, gauge\n\n\n@check\ndef run(ctx):\n    " + body + "\n    return gauge(\"ok\", 1)\n"
}

// hostile are programs that do what they should not.
var hostile = map[string]string{
	"spins.py":       hostilePython("while True: pass"),
	"sleeps.py":      hostilePython("time.sleep(3600)"),
	"exits.py":       hostilePython("os._exit(3)"),
	"kills.py":       hostilePython("os.kill(os.getpid(), signal.SIGKILL)"),
	"kills_group.py": hostilePython("os.killpg(0, signal.SIGTERM)"),
	"raises.py":      hostilePython("raise SystemExit('x' * 1000000)"),
	"deep.py":        hostilePython("(lambda f: f(f))(lambda f: f(f))"),
	"floods.py":      hostilePython("return [gauge('m%d' % i, 1) for i in range(200000)]"),
	"prints.py":      hostilePython("os.write(1, b'no protocol\\n' * 10000)"),
	"stops.py":       hostilePython("os.kill(os.getpid(), signal.SIGSTOP)"),
	"closes.py":      hostilePython("os.closerange(0, 200)"),
	"descriptors.py": hostilePython("globals().update(held=[socket.socketpair() for _ in range(200)])"),
	"threads.py":     hostilePython("[threading.Thread(target=time.sleep, args=(3600,), daemon=True).start() for _ in range(20)]"),
	"patches.py":     hostilePython("ssl._create_default_https_context = ssl._create_unverified_context; time.time = lambda: 0; os.chdir('/'); os.umask(0)"),
	"forks.py":       hostilePython("os.fork() or time.sleep(3600)"),
	"syntax.py":      "def run(:\n",
	// Threads that flood the host with calls, and then one that holds Python's lock for ever.
	"leaks.py": hostilePython("ctx.kv.set('big', 'x' * 1000000); threading.stack_size(262144); " +
		"[threading.Thread(target=lambda: [ctx.kv.get('big') for _ in iter(int, 1)], daemon=True).start() for _ in range(120)]; " +
		"threading.Thread(target=lambda: (time.sleep(1), __import__('re').match('(a+)+$', 'a' * 60 + 'b')), daemon=True).start()"),

	"floods.sh":    "#!/bin/sh\nexec yes no-protocol\n",
	"stderr.sh":    "#!/bin/sh\nexec yes flood >&2\n",
	"deaf.sh":      "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n",
	"orphans.sh":   "#!/bin/sh\nsetsid sleep 30 &\nsleep 30\n",
	"segfaults.sh": "#!/bin/sh\nkill -SEGV $$\n",
	"zeros.sh":     "#!/bin/sh\nhead -c 3000000 /dev/zero\n",

	"crashes":  processPlugin("os._exit(1)"),
	"hangs":    processPlugin("time.sleep(3600)"),
	"babbles":  processPlugin("[sys.stdout.write('nonsense\\n') for _ in range(1000)]"),
	"long":     processPlugin("sys.stdout.write('x' * 40000000 + '\\n')"),
	"stranger": processPlugin(`send({"jsonrpc": "2.0", "id": 424242, "result": {"outcome": "ok"}})`),
	"mute":     "#!/bin/sh\nexec sleep 3600\n",
}

// TestTrustPlugins runs plugins that do what they should not beside good ones, in each way to run a plugin. The good ones lose no
// run, and the Collector stops in time. With PANOPTES_TRUST=full it takes ten minutes.
func TestTrustPlugins(t *testing.T) {
	needsNoKafka(t)
	// The hostile ones take the processors, which other tests want too: one run of each may begin a slot late.
	runsOfEach, mayMiss := 3.0, 1.0
	if os.Getenv("PANOPTES_TRUST") == "full" {
		runsOfEach, mayMiss = 150, 0
	}
	dir, self := t.TempDir(), freePort(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "runtime"), 0o755))
	write(t, filepath.Join(dir, "resources.json"), "["+resourceJSON("dc1")+"]")
	plugin := func(name, file, text string) {
		folder := filepath.Join(dir, "plugins", strings.ReplaceAll(name, " ", "_"))
		more := ""
		if strings.HasSuffix(file, ".sh") {
			more = "runtime = exec\n"
		}
		write(t, filepath.Join(folder, file), text)
		if !strings.HasSuffix(file, ".py") {
			require.NoError(t, os.Chmod(filepath.Join(folder, file), 0o755))
		}
		write(t, filepath.Join(folder, "a.panoptes-plugin"),
			"[Core]\nName = "+name+"\nModule = "+file+"\n\n[main]\nexecute_frequency = 3\nresource_filter = resource_class = \"system\"\n"+more)
	}
	for name, p := range goodPlugins {
		plugin(name, p[0], p[1])
	}
	for file, text := range hostile {
		plugin("hostile "+file, file, text)
	}
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(trustPluginsYAML, dir, self))
	c := start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"))
	waitFor(t, "the hostile plugins", func() (bool, string) {
		return selfMetric(t, self, "otelcol_panoptes_runs", `plugin="hostile deaf.sh"`, `outcome="timeout"`) > 0, scrapeOf(t, self, "hostile")
	})
	var total float64
	for name := range goodPlugins {
		ran := 0.0
		for before := -1.0; ran < runsOfEach; before = ran {
			waitFor(t, "a run of "+name, func() (bool, string) {
				ran = selfMetric(t, self, "otelcol_panoptes_runs", `plugin="`+name+`"`, `outcome="ok"`)
				return ran > before, scrapeOf(t, self, name)
			})
		}
		total += ran
	}
	for name := range goodPlugins {
		for line := range strings.Lines(scrapeOf(t, self, name)) {
			if strings.HasPrefix(line, "otelcol_panoptes_runs") {
				require.Contains(t, line, `outcome="ok"`, "a run was lost")
			}
		}
		missed := selfMetric(t, self, "otelcol_panoptes_missed_slots", `plugin="`+name+`"`)
		require.LessOrEqual(t, missed, mayMiss, "slots of %s", name)
	}
	t.Logf("%d hostile plugins beside %d good ones: %v runs of these, none lost", len(hostile), len(goodPlugins), total)
	require.NoError(t, c.stop(t, syscall.SIGTERM))
}

// scrapeOf are the Collector's own metrics that speak of something.
func scrapeOf(t *testing.T, port int, text string) string {
	t.Helper()
	var lines strings.Builder
	for line := range strings.Lines(scrape(t, port)) {
		if strings.Contains(line, text) && !strings.Contains(line, "_bucket") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// selfMetric is one of the Collector's own metrics, 0 where it is not there.
func selfMetric(t *testing.T, port int, name string, labels ...string) float64 {
	t.Helper()
	for line := range strings.Lines(scrape(t, port)) {
		found := strings.HasPrefix(line, name)
		for _, l := range labels {
			found = found && strings.Contains(line, l)
		}
		if found {
			var n float64
			_, _ = fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n)
			return n
		}
	}
	return 0
}
