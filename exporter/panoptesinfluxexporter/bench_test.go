package panoptesinfluxexporter

import (
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter/internal/metadata"
)

// taker is a transport that takes each request without a network.
type taker struct{}

func (taker) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, err
}

// BenchmarkExporter is the exporter's own work for a batch of a thousand groups, without compression and network.
func BenchmarkExporter(b *testing.B) {
	const groups = 1000
	values := make([]string, groups)
	for i := range values {
		values[i] = strconv.Itoa(i)
	}
	md := metricsOf(b, values...)
	cfg := createDefaultConfig().(*Config)
	cfg.Client.Endpoint = "http://influxdb:8086"
	e, err := newInfluxExporter(exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(b, err)
	e.client = &http.Client{Transport: taker{}}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.push(b.Context(), md); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*groups), "ns/group")
}
