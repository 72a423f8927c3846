//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// suite is the folder of plugins in the style of those that sites have; the Python tests run all of them.
const suite = "../../python/tests/suite"

// needsMore are the polling plugins that want a device, a ping or enrichment.
func needsMore(name string) bool {
	return strings.Contains(name, "_snmp_") || strings.HasSuffix(name, "_ping") || strings.HasSuffix(name, "_heartbeat")
}

// TestSuite runs the plugins of the suite through the real runner: what they come to is what the Python package has.
func TestSuite(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(suite)))
	server := httptest.NewServer(http.HandlerFunc(answerSuite))
	defer server.Close()
	python := pythonWithRequests(t)
	write(t, filepath.Join(dir, "secrets/api_token/default"), "hush\n")
	write(t, filepath.Join(dir, "resources.json"), `{"resource_site": "test_site", "resource_class": "network",
		"resource_subclass": "test_subclass", "resource_type": "test_type", "resource_id": "sw1",
		"resource_endpoint": "localhost", "resource_metadata": {"_resource_ttl": "900", "model": "X1"},
		"resource_creation_timestamp": 1512629517.5, "resource_plugin": "test"}`)
	files, err := filepath.Glob(filepath.Join(dir, "polling/*.panoptes-plugin"))
	require.NoError(t, err)
	ran := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".panoptes-plugin")
		if needsMore(name) {
			continue
		}
		ran++
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			write(t, file, strings.ReplaceAll(string(text), "http://localhost:8080", server.URL))
			cmd := exec.Command(binary(t, "panoptes"), "plugin", "run", file, "--json", "--python", python,
				"--resources", filepath.Join(dir, "resources.json"), "--secrets", filepath.Join(dir, "secrets"))
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			require.NoError(t, err, stderr.String())
			golden, err := os.ReadFile(filepath.Join(suite, "../golden/test_suite/polling-"+name+".json"))
			require.NoError(t, err)
			require.JSONEq(t, string(golden), withoutTimes(t, out), stderr.String())
		})
	}
	require.GreaterOrEqual(t, ran, 15)
}

// TestSuiteOfOtherTypes runs discovery and enrichment plugins of the suite that need no device.
func TestSuiteOfOtherTypes(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(suite)))
	resources := filepath.Join(dir, "resources.json")
	write(t, resources, `{"resource_site": "test_site", "resource_class": "network", "resource_subclass": "s",
		"resource_type": "t", "resource_id": "sw1", "resource_endpoint": "localhost", "resource_metadata": {},
		"resource_creation_timestamp": 1512629517.5, "resource_plugin": "test"}`)
	for _, c := range []struct {
		plugin string
		args   []string
		want   []string
	}{
		{"discovery/plugin_discovery_from_json_file", nil, []string{"2 resources", "sw1\tdc1\tnetwork\tswitch", "sw2\tdc1\tnetwork\tswitch"}},
		{"enrichment/plugin_enrichment_heartbeat", []string{"--resources", resources}, []string{"sw1\theartbeat_ns\t15m0s", `"timestamp":1512629517.5`}},
		{"enrichment/plugin_enrichment_lookup", []string{"--resources", resources}, []string{"sw1\tbridge_lookup\t", "site_test_site\tdevice_lookup\t"}},
	} {
		t.Run(filepath.Base(c.plugin), func(t *testing.T) {
			args := append([]string{"plugin", "run", filepath.Join(dir, c.plugin+".panoptes-plugin")}, c.args...)
			out, err := exec.Command(binary(t, "panoptes"), args...).CombinedOutput()
			require.NoError(t, err, string(out))
			for _, want := range c.want {
				require.Contains(t, string(out), want)
			}
		})
	}
}

// pythonWithRequests makes a virtual environment with what the suite's plugins import.
func pythonWithRequests(t *testing.T) string {
	t.Helper()
	return pythonWith(t, "requests==2.32.3")
}

// pythonWith makes a virtual environment with a package.
func pythonWith(t *testing.T, requirement string) string {
	t.Helper()
	dir := t.TempDir()
	for _, command := range [][]string{
		{"python3", "-m", "venv", dir},
		{filepath.Join(dir, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", requirement},
	} {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, "%v: %s", command, out)
	}
	return filepath.Join(dir, "bin/python")
}

// answerSuite answers as the server of the Python tests does.
func answerSuite(w http.ResponseWriter, r *http.Request) {
	switch r.URL.RequestURI() {
	case "/price?currency=USD":
		fmt.Fprint(w, `{"currency": "USD", "rate": "12.5"}`)
	case "/private":
		if r.Header.Get("Authorization") != "Bearer hush" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, `{"sessions": 3}`)
	case "/pools?name=web":
		fmt.Fprint(w, `{"members": [{"state": "up"}, {"state": "up"}, {"state": "down"}]}`)
	default:
		http.NotFound(w, r)
	}
}

// withoutTimes turns the groups of "plugin run --json" into the form of the golden files.
func withoutTimes(t *testing.T, lines []byte) string {
	t.Helper()
	type group struct {
		Type       string
		Dimensions string // as they are sorted by
		data       map[string]any
	}
	var groups []group
	for line := range strings.Lines(string(lines)) {
		var g struct {
			Type     string            `json:"metrics_group_type"`
			Interval int               `json:"metrics_group_interval"`
			Resource map[string]any    `json:"resource"`
			Metrics  []json.RawMessage `json:"metrics"`
			Dims     []struct {
				Name  string `json:"dimension_name"`
				Value string `json:"dimension_value"`
			} `json:"dimensions"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &g))
		dimensions, data := map[string]any{}, map[string]any{"type": g.Type, "interval": g.Interval}
		key := ""
		for _, d := range g.Dims {
			dimensions[d.Name] = d.Value
			key += d.Name + "|" + d.Value + "\x00"
		}
		data["dimensions"] = dimensions
		for _, raw := range g.Metrics {
			var m struct {
				Name  string          `json:"metric_name"`
				Type  string          `json:"metric_type"`
				Value json.RawMessage `json:"metric_value"`
			}
			require.NoError(t, json.Unmarshal(raw, &m))
			kind := m.Type + "s"
			if data[kind] == nil {
				data[kind] = map[string]json.RawMessage{}
			}
			data[kind].(map[string]json.RawMessage)[m.Name] = m.Value
		}
		if g.Resource["resource_id"] != "sw1" {
			delete(g.Resource, "resource_creation_timestamp")
			data["resource"] = g.Resource
		}
		groups = append(groups, group{g.Type, key, data})
	}
	sort.SliceStable(groups, func(i, j int) bool {
		a, b := groups[i], groups[j]
		return a.Type < b.Type || a.Type == b.Type && a.Dimensions < b.Dimensions
	})
	all := make([]map[string]any, 0, len(groups))
	for _, g := range groups {
		all = append(all, g.data)
	}
	out, err := json.Marshal(all)
	require.NoError(t, err)
	return string(out)
}
