package panoptesdiscoveryextension

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/resource"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
)

const wait = 30 * time.Second

// host has the extension, and takes its status.
type host struct {
	component.Host
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	events     []*componentstatus.Event
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *host) last() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return nil
	}
	return h.events[len(h.events)-1].Err()
}

// TestDiscovery: from a block of prometheus.yml to the resources of a receiver, and what is said about it.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[{"targets": ["192.0.2.1:161", "192.0.2.2:161", ""], "labels": {"dc": "dc1", "role": "switch", "note": "a|b"}}]`)
	}))
	defer server.Close()
	var values map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(`
scrape_configs:
  - job_name: network
    http_sd_configs: [{url: "`+server.URL+`", refresh_interval: 200ms}]
    relabel_configs:
      - {source_labels: [__address__], regex: '192\.0\.2\.2:.*', action: drop}
      - {source_labels: [role], target_label: resource_subclass}
      - {action: labeldrop, regex: __meta_.*}
    labels: {resource_site: dc}
`), &values))
	cfg := NewFactory().CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(values).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))

	tel := componenttest.NewTelemetry()
	settings := extensiontest.NewNopSettings(metadata.Type)
	settings.TelemetrySettings = tel.NewTelemetrySettings()
	settings.ID = component.NewID(metadata.Type)
	ext, err := NewFactory().Create(t.Context(), settings, cfg)
	require.NoError(t, err)
	h := &host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{settings.ID: ext}}
	require.NoError(t, ext.Start(t.Context(), h))
	defer func() {
		require.NoError(t, ext.Shutdown(context.Background()))
		require.NoError(t, tel.Shutdown(context.Background()))
	}()

	found, err := resource.FindDiscovery(h, settings.ID)
	require.NoError(t, err)
	joined := store.New(store.Settings{})
	listed, failed := make(chan struct{}), make(chan struct{}, 10)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		found.Provider(resource.DiscoverySettings{
			Order: 1, Defaults: parse.Minimal, Listed: func() { close(listed) }, Failed: func() { failed <- struct{}{} },
		}).Run(ctx, joined)
	})
	defer running.Wait()
	defer cancel()
	select {
	case <-listed:
	case <-time.After(wait):
		require.Fail(t, "never listed")
	}

	all := joined.Join()
	require.Len(t, all, 1)
	r := all[0]
	assert.Equal(t, "dc1 system switch generic 192.0.2.1:161 192.0.2.1:161",
		strings.Join([]string{r.Site, r.Class, r.Subclass, r.Type, r.ID, r.Endpoint}, " "))
	job, _ := r.Metadata.Get("job")
	assert.Equal(t, "network", job)
	source := joined.Sources()[0]
	assert.Equal(t, `extension "panoptes_discovery network: http_sd_configs::0"`, source.Place.String())
	assert.Equal(t, 2, source.Dropped)
	assert.Equal(t, []store.Dropped{
		{Target: "192.0.2.2:161", Reason: `relabel_configs::0: action drop of __address__, regex "192\\.0\\.2\\.2:.*"`},
		{Target: "", Reason: "no label gives an endpoint: it has no __address__"},
	}, source.Left)

	broken.Store(true)
	<-failed
	require.Eventually(t, func() bool { return h.last() != nil }, wait, 10*time.Millisecond)
	assert.ErrorContains(t, h.last(), "network: http_sd_configs::0: Unable to refresh target groups: server returned HTTP status 502")
	assert.Contains(t, joined.Sources()[0].Error, "502")
	assert.Len(t, joined.Join(), 1, "the last good list stays")
	failures := func() int64 {
		got, err := tel.GetMetric("otelcol_panoptes_discovery_failures")
		require.NoError(t, err)
		points := got.Data.(metricdata.Sum[int64]).DataPoints
		require.Len(t, points, 1)
		job, _ := points[0].Attributes.Value("job")
		require.Equal(t, "network", job.AsString())
		return points[0].Value
	}
	require.Eventually(t, func() bool { return failures() > 2 }, wait, 10*time.Millisecond, "each failed refresh counts")
	assert.Empty(t, failed, "the receiver hears once")
	broken.Store(false)
	require.Eventually(t, func() bool { return h.last() == nil }, wait, 10*time.Millisecond)
	require.Eventually(t, func() bool { return joined.Sources()[0].Error == "" }, wait, 10*time.Millisecond)

	got, err := tel.GetMetric("otelcol_panoptes_discovery_targets")
	require.NoError(t, err)
	var counts []int64
	for _, p := range got.Data.(metricdata.Gauge[int64]).DataPoints {
		counts = append(counts, p.Value)
	}
	slices.Sort(counts)
	assert.Equal(t, []int64{0, 1, 2}, counts)
}

func TestFindDiscovery(t *testing.T) {
	t.Parallel()
	id, other := component.MustNewID("panoptes_discovery"), component.MustNewID("other")
	h := &host{extensions: map[component.ID]component.Component{other: nil}}
	_, err := resource.FindDiscovery(h, id)
	require.EqualError(t, err, `there is no extension "panoptes_discovery": list it under service::extensions`)
	_, err = resource.FindDiscovery(h, other)
	require.EqualError(t, err, `extension "other" finds no resources: name one of type panoptes_discovery`)
}
