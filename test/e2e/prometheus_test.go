//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// prometheusServer is a real Prometheus on loopback.
type prometheusServer struct{ url string }

// startPrometheus starts Prometheus with a configuration file, ready to take remote writes.
func startPrometheus(t *testing.T, program, config string) *prometheusServer {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	start(t, nil, program, "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+address,
		"--web.enable-remote-write-receiver")
	p := &prometheusServer{"http://" + address}
	waitFor(t, "Prometheus is ready", func() (bool, string) {
		resp, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false, err.Error()
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK, resp.Status
	})
	return p
}

// sample is one series of an answer, and its value now.
type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// query evaluates an expression now.
func (p *prometheusServer) query(t *testing.T, expr string) []sample {
	t.Helper()
	resp, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expr))
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []sample }
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Empty(t, answer.Error, expr)
	return answer.Data.Result
}

// Prometheus starts, and finds itself.
func TestPrometheus(t *testing.T) {
	program := debianCommands(t, "PANOPTES_REQUIRE_PROMETHEUS", "prometheus", "prometheus")[0]
	config := t.TempDir() + "/prometheus.yaml"
	write(t, config, "scrape_configs: []\n")
	p := startPrometheus(t, program, config)
	require.Empty(t, p.query(t, "up"))
}
