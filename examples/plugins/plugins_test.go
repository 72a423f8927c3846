//go:build unix

package plugins

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/examples/plugins/go/files"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// runOnce runs a plugin file, through the receiver's code.
func runOnce(t *testing.T, path string, settings runtimes.Settings, config pluginsdk.Config, r *pluginsdk.Resource) []*pluginsdk.MetricsGroup {
	t.Helper()
	p, warnings, err := plugin.Open(path, plugin.OpenOptions{})
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.True(t, p.Filter.Match(r), "the filter")
	runners, err := runtimes.New(settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, runners.Close(context.Background())) })
	p, err = runners.Load(t.Context(), p)
	require.NoError(t, err)
	result := runners.Run(t.Context(), run.Request{Plugin: p, Resource: r, Config: config})
	require.NoError(t, result.Err)
	assert.Empty(t, result.Dropped)
	return result.Groups
}

func resource(class, endpoint string) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "dc1", Class: class, Subclass: "host", Type: "generic", ID: "one", Endpoint: endpoint, Plugin: "test",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1_700_000_000)),
	}
}

func TestShell(t *testing.T) {
	t.Parallel()
	groups := runOnce(t, "sh/uptime.panoptes-plugin", runtimes.Settings{}, nil, resource("system", "localhost"))
	require.Len(t, groups, 2)
	assert.Equal(t, "load", groups[0].Type)
	assert.Len(t, groups[0].Metrics(), 3)
	assert.Equal(t, "uptime", groups[1].Type)
	assert.Equal(t, pluginsdk.Counter, groups[1].Metrics()[0].Type)
	assert.Positive(t, groups[1].Metrics()[0].Value.Float64())
}

func TestNode(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("PANOPTES_REQUIRE_NODE") != "" {
			t.Fatal("PANOPTES_REQUIRE_NODE is set, and node is not installed")
		}
		t.Log("NOT TESTED: node is not installed")
		return
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("path is " + r.URL.Path))
	}))
	t.Cleanup(server.Close)
	groups := runOnce(t, "node/http.panoptes-plugin", runtimes.Settings{}, nil, resource("web", strings.TrimPrefix(server.URL, "http://")))
	require.Len(t, groups, 1)
	path, _ := groups[0].Dimension("path")
	assert.Equal(t, "/", path)
	got := map[string]float64{}
	for _, m := range groups[0].Metrics() {
		got[m.Name] = m.Value.Float64()
	}
	assert.InDelta(t, 418, got["status"], 0)
	assert.InDelta(t, len("path is /"), got["size"], 0)
	assert.Positive(t, got["seconds"])
}

// TestGo runs the plugin both ways, which must say the same.
func TestGo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a.txt"), []byte("12345"), 0o600))
	config := pluginsdk.Config{"main": {"folder": folder}}

	compiledIn := runOnce(t, "go/files.panoptes-plugin", runtimes.Settings{GoPlugins: map[string]pluginsdk.PollingPlugin{"files": files.Plugin{}}},
		config, resource("system", "localhost"))

	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "files"), "./go/cmd/files")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile("go/files.panoptes-plugin")
	require.NoError(t, err)
	path := filepath.Join(dir, "files.panoptes-plugin")
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), "Module = go:files", "Module = files", 1)), 0o600))
	program := runOnce(t, path, runtimes.Settings{}, config, resource("system", "localhost"))

	require.Len(t, compiledIn, 1)
	require.Len(t, program, 1)
	for _, g := range []*pluginsdk.MetricsGroup{compiledIn[0], program[0]} {
		name, _ := g.Dimension("name")
		assert.Equal(t, "a.txt", name)
		assert.Equal(t, "5.0", g.Metrics()[0].Value.String())
	}
}
