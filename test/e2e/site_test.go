//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSiteOfPlugins moves a whole site: panoptes migrate makes a configuration of its panoptes.ini and tries its plugins, of all
// types, with the site's interpreter, and one Collector runs them all. Those that want a device that is not here have to end.
func TestSiteOfPlugins(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	server := httptest.NewServer(http.HandlerFunc(answerSuite))
	defer server.Close()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "plugins"), os.DirFS(suite)))
	files, err := filepath.Glob(filepath.Join(dir, "plugins/*/*.panoptes-plugin"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 28)
	name := regexp.MustCompile(`(?m)^Name *= *"?([^"\n]*)"?`)
	var good []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		write(t, file, strings.NewReplacer("http://localhost:8080", server.URL, "execute_frequency = 60", "execute_frequency = 5").Replace(string(text)))
		if base := strings.TrimSuffix(filepath.Base(file), ".panoptes-plugin"); filepath.Base(filepath.Dir(file)) == "polling" && !needsMore(base) {
			good = append(good, strings.TrimSpace(name.FindStringSubmatch(string(text))[1]))
		}
	}
	write(t, filepath.Join(dir, "secrets/api_token/default"), "hush\n")
	write(t, filepath.Join(dir, "resources.json"), `[{"resource_site": "test_site", "resource_class": "network", "resource_subclass": "s", "resource_type": "t",
		"resource_id": "sw1", "resource_endpoint": "localhost", "resource_metadata": {"_resource_ttl": "900", "model": "X1"},
		"resource_creation_timestamp": 1512629517.5, "resource_plugin": "test"}]`)
	write(t, filepath.Join(dir, "panoptes.ini"), fmt.Sprintf("[main]\nsites = test_site,\nplugins_extension = panoptes-plugin\n[kafka]\nbrokers = %q,\n"+
		"[discovery]\nplugins_paths = %[2]s/plugins/discovery,\n[enrichment]\nplugins_paths = %[2]s/plugins/enrichment,\n[polling]\nplugins_paths = %[2]s/plugins/polling,\n"+
		"[snmp]\ntimeout = 1\nretries = 1\n", brokers(t), dir))
	write(t, filepath.Join(dir, "here.yaml"), fmt.Sprintf(`
extensions:
  file_storage: {directory: %[1]q}
  panoptes_status: {endpoint: "127.0.0.1:%[2]d"}
receivers:
  panoptes:
    resources: {files: [%[3]q]}
    secrets: {directory: %[4]q}
    python: {max_workers: 4}
service:
  telemetry: {metrics: {level: none}}
`, filepath.Join(dir, "state"), port, filepath.Join(dir, "resources.json"), filepath.Join(dir, "secrets")))

	cmd := exec.Command(binary(t, "panoptes"), "migrate", "panoptes.ini", "--python", pythonWithRequests(t))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), fmt.Sprintf(": %d of %[1]d would run\n", len(files)))

	start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"), "--config", filepath.Join(dir, "here.yaml"))
	// Columns: the runtime, the interval, resources, runs, and how many of them failed.
	waitFor(t, "good runs alone of each plugin", func() (bool, string) {
		out, err := exec.Command(binary(t, "panoptes"), "status", "--url", fmt.Sprintf("http://127.0.0.1:%d", port)).CombinedOutput()
		var lacking []string
		for _, plugin := range good {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(plugin) + `\tpython\t\w+\t\d+\t[1-9]\d*\t0\t`).Match(out) {
				lacking = append(lacking, plugin)
			}
		}
		return len(lacking) == 0, fmt.Sprintf("%v lack: %q\n%s", err, lacking, out)
	})
}
