package panoptesinfluxexporter

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// server stands for InfluxDB: it keeps the body of each request, and answers as it is told.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

// answer is what a server says to the n-th request, from 0, of such a body.
type answer func(n int, body string) (status int, said string)

func newServer(t *testing.T, a answer) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); !assert.NoError(t, err) {
				return
			}
		}
		text, err := io.ReadAll(body)
		assert.NoError(t, err)
		s.mu.Lock()
		n := len(s.requests)
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(text))
		s.mu.Unlock()
		status, said := http.StatusNoContent, ""
		if a != nil {
			status, said = a(n, string(text))
		}
		if after, ok := strings.CutPrefix(said, "Retry-After: "); ok {
			w.Header().Set("Retry-After", after)
			said = "later"
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, said)
	}))
	t.Cleanup(s.Close)
	return s
}

// lines are all that came, request by request.
func (s *server) lines() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out [][]string
	for _, b := range s.bodies {
		out = append(out, strings.Split(strings.TrimSuffix(b, "\n"), "\n"))
	}
	return out
}

// host gathers the status that a component reports.
type host struct {
	component.Host
	mu     sync.Mutex
	events []string
}

func (h *host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := e.Status().String()
	if e.Err() != nil {
		text += ": " + e.Err().Error()
	}
	h.events = append(h.events, text)
}

// sender is an exporter under test, with what it tells about itself.
type sender struct {
	exporter.Metrics
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	host      *host
}

// newSender starts an exporter whose ConsumeMetrics returns when all is settled.
func newSender(t *testing.T, endpoint string, change func(*Config)) *sender {
	t.Helper()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	cfg.Client.Endpoint = endpoint
	cfg.Queue.Get().WaitForResult = true
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = 5*time.Millisecond, 20*time.Millisecond
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zapcore.InfoLevel)
	s := &sender{telemetry: componenttest.NewTelemetry(), logs: logs, host: &host{Host: componenttest.NewNopHost()}}
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = s.telemetry.NewTelemetrySettings()
	set.Logger = zap.New(core)
	set.BuildInfo = component.BuildInfo{Command: "otelcol", Version: "1"}
	m, err := NewFactory().CreateMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	s.Metrics = m
	require.NoError(t, s.Start(t.Context(), s.host))
	t.Cleanup(func() {
		require.NoError(t, s.Shutdown(context.WithoutCancel(t.Context())))
		require.NoError(t, s.telemetry.Shutdown(context.WithoutCancel(t.Context())))
	})
	return s
}

// counts are the exporter's own metrics that are not zero, with their reasons.
func (s *sender) counts(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, name := range []string{"groups_sent", "groups_dropped", "points_dropped", "points_degraded"} {
		m, err := s.telemetry.GetMetric("otelcol_panoptes_influx_" + name)
		if err != nil { // nothing was counted
			continue
		}
		for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
			key := name
			if r, ok := point.Attributes.Value("reason"); ok {
				key += " " + r.AsString()
			}
			out[key] = int(point.Value)
		}
	}
	return out
}

func testResource(id string) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "dc1", Class: "network", Subclass: "switch", Type: "acme", ID: id, Endpoint: id + ".example.com", Plugin: "find",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
		Metadata:          pluginsdk.Metadata{{Key: pluginsdk.ResourceTTLKey, Value: pluginsdk.DefaultResourceTTL}},
	}
}

// metricsOf makes a group with a gauge and a counter for each value of the dimension "n".
func metricsOf(t testing.TB, values ...string) pmetric.Metrics {
	t.Helper()
	b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	r := testResource("sw1")
	for i, value := range values {
		g, err := pluginsdk.NewMetricsGroup(r, "disk io", time.Minute)
		require.NoError(t, err)
		at := pluginsdk.Float(1600000000.9)
		g.Timestamp = pluginsdk.NumberTimestamp(at)
		require.NoError(t, g.AddMetric(pluginsdk.Metric{Name: "used", Value: pluginsdk.Float(0.5), Timestamp: at}))
		require.NoError(t, g.AddMetric(pluginsdk.Metric{Name: "reads", Type: pluginsdk.Counter, Value: pluginsdk.Int(int64(i)), Timestamp: at}))
		require.NoError(t, g.AddDimension("n", value))
		b.Add(pdata.Scope{Plugin: "disks"}, g)
	}
	return b.Take()
}

// lineOf is the line of the i-th group of metricsOf, from "0" on.
func lineOf(i string) string {
	return "disk_io,n=" + i + ",resource_class=network,resource_endpoint=sw1.example.com,resource_site=dc1,resource_subclass=switch," +
		"resource_type=acme reads__counter=" + i + ",used__gauge=0.5 1600000000"
}

func zapReason(reason string) zap.Field { return zap.String("reason", reason) }
