//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// prometheusServer is a real Prometheus on loopback.
type prometheusServer struct {
	*process
	program, config, data string
	port                  int
}

// startPrometheus starts Prometheus with a configuration file, ready to take remote writes.
func startPrometheus(t *testing.T, program, config string, port int) *prometheusServer {
	t.Helper()
	p := &prometheusServer{program: program, config: config, data: t.TempDir(), port: port}
	p.start(t)
	return p
}

// start starts it, again perhaps: data and port are those of before.
func (p *prometheusServer) start(t *testing.T) {
	t.Helper()
	p.process = start(t, nil, p.program, "--config.file="+p.config, "--storage.tsdb.path="+p.data,
		fmt.Sprintf("--web.listen-address=127.0.0.1:%d", p.port), "--web.enable-remote-write-receiver")
	waitFor(t, "Prometheus is ready", func() (bool, string) {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/-/ready", p.port))
		if err != nil {
			return false, err.Error()
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK, resp.Status
	})
}

// point is a time in seconds and a value.
type point [2]any

func (p point) time() float64 { return p[0].(float64) }
func (p point) text() string  { return p[1].(string) }

func (p point) value(t *testing.T) float64 { return number(t, p.text()) }

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

// sample is one series of an answer: its value, or its values where the expression ends in a range.
type sample struct {
	Metric map[string]string `json:"metric"`
	Value  point             `json:"value"`
	Values []point           `json:"values"`
}

// query evaluates an expression now.
func (p *prometheusServer) query(t *testing.T, expr string) []sample {
	t.Helper()
	var answer struct{ Result []sample }
	p.get(t, "query?query="+url.QueryEscape(expr), &answer)
	return answer.Result
}

// queryAt evaluates an expression at a time.
func (p *prometheusServer) queryAt(t *testing.T, expr string, at float64) []sample {
	t.Helper()
	var answer struct{ Result []sample }
	p.get(t, fmt.Sprintf("query?query=%s&time=%.3f", url.QueryEscape(expr), at), &answer)
	return answer.Result
}

// series returns all series that ever matched a selector, as text with their labels in order.
func (p *prometheusServer) series(t *testing.T, selector string) []string {
	t.Helper()
	var found []map[string]string
	p.get(t, "series?match[]="+url.QueryEscape(selector), &found)
	all := make([]string, 0, len(found))
	for _, metric := range found {
		var labels []string
		for _, name := range slices.Sorted(maps.Keys(metric)) {
			if name != "__name__" {
				labels = append(labels, fmt.Sprintf("%s=%q", name, metric[name]))
			}
		}
		all = append(all, metric["__name__"]+"{"+strings.Join(labels, ", ")+"}")
	}
	return all
}

// get asks Prometheus' API, and fails on an error that it answers.
func (p *prometheusServer) get(t *testing.T, request string, data any) {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/%s", p.port, request))
	require.NoError(t, err)
	defer resp.Body.Close()
	answer := struct {
		Error string
		Data  any
	}{Data: data}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Empty(t, answer.Error, request)
}
