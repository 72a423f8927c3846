package panoptesreceiver

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
)

// TestDefaultsOfResources: an id and an endpoint are enough in files, the configuration and lists of servers.
func TestDefaultsOfResources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hosts.csv"), []byte("resource_id,resource_endpoint\nfile,10.0.0.1\n"), 0o600))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		_, _ = w.Write([]byte("resource_id,resource_endpoint,resource_metadata.os\nserved,10.0.0.2,linux\n"))
	}))
	defer server.Close()
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, cfg.Unmarshal(confmap.NewFromStringMap(map[string]any{"resources": map[string]any{
		"defaults": map[string]any{"resource_site": "dc1", "resource_metadata": map[string]any{"os": "none", "rack": "r1"}},
		"files":    []any{filepath.Join(dir, "*.csv")},
		"inline":   []any{map[string]any{"resource_id": "inline", "resource_endpoint": "10.0.0.3"}},
		"http":     []any{map[string]any{"url": server.URL, "defaults": map[string]any{"resource_class": "web"}}},
	}})))
	require.NoError(t, cfg.Resources.Validate())
	all, sources, err := cfg.FindResources(t.Context(), Finding{
		Host: componenttest.NewNopHost(), Telemetry: componenttest.NewNopTelemetrySettings(), Ask: true,
	})
	require.NoError(t, err)
	require.Len(t, sources, 3)
	found := map[string]string{}
	for _, r := range all {
		os, _ := r.Metadata.Get("os")
		rack, _ := r.Metadata.Get("rack")
		found[r.ID] = r.Site + " " + r.Class + " " + r.Plugin + " " + os + " " + rack
	}
	assert.Equal(t, map[string]string{
		"file": "dc1 system panoptes_otelcol none r1", "inline": "dc1 system panoptes_otelcol none r1",
		"served": "dc1 web panoptes_otelcol linux r1",
	}, found)
	bad := DefaultsConfig{Metadata: map[string]string{"1": "2"}}
	require.ErrorContains(t, bad.Validate(), `metadata key "1"`)
}

// TestFindResourcesGivesUp: a source that does not answer is told, and what others list is there.
func TestFindResourcesGivesUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, cfg.Unmarshal(confmap.NewFromStringMap(map[string]any{"resources": map[string]any{
		"inline": []any{map[string]any{"resource_id": "inline", "resource_endpoint": "10.0.0.3"}},
		"http":   []any{map[string]any{"url": server.URL}},
	}})))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	all, sources, err := cfg.FindResources(ctx, Finding{
		Host: componenttest.NewNopHost(), Telemetry: componenttest.NewNopTelemetrySettings(), Ask: true,
	})
	require.NoError(t, err)
	assert.Len(t, all, 1)
	assert.Contains(t, sources[len(sources)-1].Error, "not all sources have answered")
}
