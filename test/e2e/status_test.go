//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const statusYAML = `
extensions:
  panoptes_status: {endpoint: "127.0.0.1:%[2]d"}
receivers:
  panoptes: {plugins: {directories: [%[1]s/plugins], settle: 100ms}, resources: {files: [%[1]s/resources.json]}}
exporters: {debug: }
service:
  extensions: [panoptes_status]
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [panoptes], exporters: [debug]}}
`

const statusPlugin = `[Core]
Name = Up
Module = up.sh
[Documentation]
Version = 0.1
[main]
runtime = exec
execute_frequency = 1
resource_filter = resource_class = "system"
`

// The built Collector shows its plugins and tasks, and the command reads them.
func TestStatus(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(statusYAML, dir, port))
	write(t, filepath.Join(dir, "plugins", "up.panoptes-plugin"), statusPlugin)
	script := filepath.Join(dir, "plugins", "up.sh")
	write(t, script, "#!/bin/sh\nprintf '{\"type\": \"up\", \"gauges\": {\"up\": 1}}\\n'\n")
	require.NoError(t, exec.Command("chmod", "700", script).Run())
	write(t, filepath.Join(dir, "resources.json"), `[{"resource_site": "local", "resource_class": "system", "resource_subclass": "host",
		"resource_type": "generic", "resource_id": "one", "resource_endpoint": "127.0.0.1", "resource_plugin": "p"}]`)
	start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"))

	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	status := func(args ...string) (string, error) {
		out, err := exec.Command(binary(t, "panoptes"), append([]string{"status", "--url", url}, args...)...).Output()
		return string(out), err
	}
	var out string
	require.Eventually(t, func() bool {
		var err error
		out, err = status("--state", "ok")
		return err == nil && strings.Contains(out, "1 plugin, 1 resource, 1 task, 1 ok")
	}, patience, 100*time.Millisecond)
	assert.Contains(t, out, "Up\tlocal\tone\tok\tok\t")

	write(t, script, "#!/bin/sh\necho broken >&2\nexit 3\n")
	require.NoError(t, exec.Command("chmod", "700", script).Run())
	require.Eventually(t, func() bool {
		out, _ = status()
		return strings.Contains(out, "1 failing")
	}, patience, 100*time.Millisecond)
	out, err := status("--errors")
	assert.Contains(t, out, "the program ended with exit status 3")
	assert.Contains(t, out, " info broken\n", "what it wrote before")
	resources, _ := status("--resources")
	assert.Contains(t, resources, "one\tlocal\tsystem:host:generic\t127.0.0.1\tfile "+filepath.Join(dir, "resources.json"))
	assert.Contains(t, resources, "\t168h0m0s\tplugin|p|site|local|class|system")
	var ended *exec.ExitError
	require.ErrorAs(t, err, &ended)
	assert.Equal(t, 1, ended.ExitCode())
}
