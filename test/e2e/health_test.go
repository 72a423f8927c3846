//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const healthYAML = `
extensions:
  health_check:
    http: {endpoint: "127.0.0.1:%[2]d"}
    component_health: {include_permanent_errors: true, include_recoverable_errors: true, recovery_duration: 1s}
receivers:
  panoptes:
    plugins: {directories: [%[1]s/plugins], settle: 100ms}
    resources: {files: [%[1]s/resources.json]}
    status: {failing_share: 0.5, window: 10s}
exporters: {debug: }
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [panoptes], exporters: [debug]}
    logs: {receivers: [panoptes], exporters: [debug]}
`

const healthResource = `[{"resource_site": "local", "resource_class": "system", "resource_subclass": "host",
	"resource_type": "generic", "resource_id": "one", "resource_endpoint": "127.0.0.1", "resource_plugin": "p"}]`

// healthOf asks a Collector's health check.
type healthOf struct {
	*testing.T
	url string
}

func (h healthOf) ask() (code int, body string) {
	response, err := http.Get(h.url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// becomes waits until the answer has this code, and returns its text.
func (h healthOf) becomes(want int) (body string) {
	h.Helper()
	require.Eventually(h, func() bool {
		var code int
		code, body = h.ask()
		return code == want
	}, patience, 100*time.Millisecond)
	return body
}

// The stock health check follows the receiver's status: it is unhealthy while most runs fail, and healthy again when they
// do not.
func TestHealth(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(healthYAML, dir, port))
	write(t, filepath.Join(dir, "plugins", "up.panoptes-plugin"), statusPlugin)
	broken := filepath.Join(dir, "broken")
	script := filepath.Join(dir, "plugins", "up.sh")
	write(t, script, "#!/bin/sh\nif [ -e "+broken+" ]; then echo no answer >&2; exit 3; fi\nprintf '{\"type\": \"up\", \"gauges\": {\"up\": 1}}\\n'\n")
	require.NoError(t, os.Chmod(script, 0o700))
	write(t, filepath.Join(dir, "resources.json"), healthResource)
	p := start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"),
		"--feature-gates=+extension.healthcheck.useComponentStatus")

	h := healthOf{t, fmt.Sprintf("http://127.0.0.1:%d/status?verbose", port)}
	h.becomes(http.StatusOK)
	write(t, broken, "")
	body := h.becomes(http.StatusInternalServerError)
	assert.Contains(t, body, "StatusRecoverableError")
	assert.Contains(t, body, "runs failed within 10s, status::failing_share is 0.5")
	assert.Contains(t, body, "no answer")
	assert.Contains(t, body, "pipeline:logs")
	assert.Contains(t, p.output(), "Plugin failed")
	assert.NotContains(t, p.output(), "panoptesreceiver.(*", "a failure is one line, without a stack of ours")
	require.NoError(t, os.Remove(broken))
	assert.NotContains(t, h.becomes(http.StatusOK), "StatusRecoverableError")
	assert.Contains(t, p.output(), "Plugin runs again")
}

const healthOfKafkaYAML = `
extensions:
  health_check:
    http: {endpoint: "127.0.0.1:%[2]d"}
    component_health: {include_recoverable_errors: true}
receivers:
  panoptes: {plugins: {directories: [%[1]s/plugins], settle: 100ms}, resources: {files: [%[1]s/resources.json]}}
exporters:
  panoptes_json: {brokers: ["127.0.0.1:%[3]d"]}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [panoptes], exporters: [panoptes_json]}}
`

// A Kafka that cannot be reached makes the exporter unhealthy, and it is healthy again when Kafka takes what was queued.
func TestHealthOfKafka(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir, port, kafka := t.TempDir(), freePort(t), freePort(t)
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(healthOfKafkaYAML, dir, port, kafka))
	write(t, filepath.Join(dir, "plugins", "up.panoptes-plugin"), statusPlugin)
	script := filepath.Join(dir, "plugins", "up.sh")
	write(t, script, "#!/bin/sh\nprintf '{\"type\": \"up\", \"gauges\": {\"up\": 1}}\\n'\n")
	require.NoError(t, os.Chmod(script, 0o700))
	write(t, filepath.Join(dir, "resources.json"), healthResource)
	start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"),
		"--feature-gates=+extension.healthcheck.useComponentStatus")
	h := healthOf{t, fmt.Sprintf("http://127.0.0.1:%d/status?verbose", port)}
	assert.Contains(t, h.becomes(http.StatusInternalServerError), "cannot deliver to Kafka")
	fakeBroker(t, kafka)
	h.becomes(http.StatusOK)
}
