package panoptesinfluxexporter

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

func TestPointsAreWritten(t *testing.T) {
	t.Parallel()
	for _, compression := range []configcompression.Type{configcompression.TypeGzip, "none"} {
		influx := newServer(t, nil)
		s := newSender(t, influx.URL, func(c *Config) {
			c.RetentionPolicy, c.Client.Compression = "two weeks", compression
			c.Client.Headers.Set("X-Tenant", "dc1")
		})
		require.NoError(t, s.ConsumeMetrics(t.Context(), metricsOf(t, "0", "1")))
		assert.Equal(t, [][]string{{lineOf("0"), lineOf("1")}}, influx.lines())
		r := influx.requests[0]
		assert.Equal(t, "POST /write?db=Panoptes&precision=s&rp=two+weeks", r.Method+" "+r.URL.String())
		assert.Equal(t, "text/plain; charset=utf-8", r.Header.Get("Content-Type"))
		assert.Equal(t, "otelcol/1", r.Header.Get("User-Agent"))
		assert.Equal(t, "dc1", r.Header.Get("X-Tenant"))
		assert.Equal(t, map[string]int{"groups_sent": 2}, s.counts(t))
		m, err := s.telemetry.GetMetric("otelcol_panoptes_influx_bytes_sent")
		require.NoError(t, err)
		assert.Contains(t, fmt.Sprintf("%+v", m.Data), fmt.Sprintf("Value:%d", len(influx.bodies[0])))
	}
}

func TestNothingIsNoRequest(t *testing.T) {
	t.Parallel()
	influx := newServer(t, nil)
	s := newSender(t, influx.URL, nil)
	require.NoError(t, s.ConsumeMetrics(t.Context(), pmetric.NewMetrics()))
	assert.Empty(t, influx.lines())
}

// TestForeignTLSFile: what is no file is not opened, and the error names the key.
func TestForeignTLSFile(t *testing.T) {
	t.Parallel()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	cfg.Client.Endpoint, cfg.Client.TLS.CAFile = "https://127.0.0.1:1", t.TempDir()
	e, err := NewFactory().CreateMetrics(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.ErrorContains(t, e.Start(t.Context(), componenttest.NewNopHost()), "tls: ca_file: open "+cfg.Client.TLS.CAFile+": it is no regular file")
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestPointsBoundRequests(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int][]int{1: {1, 1, 1, 1, 1}, 2: {2, 2, 1}, 5: {5}, 6: {5}} {
		influx := newServer(t, nil)
		s := newSender(t, influx.URL, func(cfg *Config) { cfg.Request.MaxPoints = limit })
		require.NoError(t, s.ConsumeMetrics(t.Context(), metricsOf(t, "0", "1", "2", "3", "4")))
		var sizes []int
		for _, lines := range influx.lines() {
			sizes = append(sizes, len(lines))
		}
		assert.Equal(t, want, sizes)
		assert.Equal(t, map[string]int{"groups_sent": 5}, s.counts(t))
	}
}

func TestBytesBoundRequests(t *testing.T) {
	t.Parallel()
	influx := newServer(t, nil)
	s := newSender(t, influx.URL, func(cfg *Config) { cfg.Request.MaxBytes = minBytes })
	long := strings.Repeat("x", minBytes)
	require.NoError(t, s.ConsumeMetrics(t.Context(), metricsOf(t, "0", "1", long, "3", "4", "5", "6", "7", "8", "9")))
	var sizes []int
	for i, lines := range influx.lines() {
		sizes = append(sizes, len(lines))
		if len(lines) > 1 {
			assert.LessOrEqual(t, len(influx.bodies[i]), minBytes)
		}
	}
	assert.Equal(t, []int{2, 1, 5, 2}, sizes)
}

// What InfluxDB drops of a request is counted by reason, and neither tried again nor an error: the others are written.
func TestPartialWrites(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]map[string]int{
		`{"error":"partial write: field type conflict: input field \"used__gauge\" on measurement \"disk_io\" is type float, already exists as type integer dropped=2"}`: {
			"groups_sent": 1, "groups_dropped field_type_conflict": 2,
		},
		`{"error":"partial write: points beyond retention policy dropped=3"}`: {"groups_dropped beyond_retention": 3},
		`{"error":"partial write: max-values-per-tag limit exceeded (100000/100000): measurement=\"m\" tag=\"t\" value=\"v\" dropped=1"}`: {
			"groups_sent": 2, "groups_dropped series_limit": 1,
		},
		`{"error":"partial write: max-series-per-database limit exceeded: (1000000) dropped=1"}`: {"groups_sent": 2, "groups_dropped series_limit": 1},
		`{"error":"partial write: unable to parse 'a b': bad\nunable to parse 'c unable to parse ': bad dropped=0"}`: {
			"groups_sent": 1, "groups_dropped unparsable": 2,
		},
		`{"error":"partial write: out of luck dropped=99"}`: {"groups_dropped rejected": 3},
		`{"error":"unable to parse 'a': missing fields"}`:   {"groups_dropped unparsable": 3},
	} {
		influx := newServer(t, func(int, string) (int, string) { return http.StatusBadRequest, said })
		s := newSender(t, influx.URL, nil)
		for range 3 {
			require.NoError(t, s.ConsumeMetrics(t.Context(), metricsOf(t, "0", "1", "2")), said)
		}
		for k := range want {
			want[k] *= 3
		}
		assert.Equal(t, want, s.counts(t), said)
		assert.Len(t, influx.lines(), 3, said)
		logs := s.logs.FilterMessageSnippet("does not take some metrics groups").All()
		assert.Len(t, logs, 1, said)
	}
}

// A request that is refused as a whole is permanent, and says what to do; what follows it is not tried where it would be
// refused as well.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status       int
		said, reason string
		requests     int
		wants        []string
	}{
		{401, `{"error":"authorization failed"}`, "unauthorized", 1, []string{"does not know the user", "(401): authorization failed", "check the extension"}},
		{403, `{"error":"\"u\" user is not authorized to write to database \"Panoptes\""}`, "forbidden", 1, []string{`write to database "Panoptes"`, "grant it WRITE"}},
		{404, `{"error":"database not found: \"Panoptes\""}`, "not_found", 1, []string{`no database "Panoptes"`, "create them"}},
		{500, `{"error":"retention policy not found: x"}`, "not_found", 1, []string{`retention_policy ""`, "create them"}},
		{405, "no such method", "rejected", 1, []string{"does not answer as InfluxDB does (405): no such method: check it"}},
		{400, `{"error":"database is required"}`, "rejected", 2, []string{"refuses a request (400): database is required"}},
	} {
		influx := newServer(t, func(int, string) (int, string) { return c.status, c.said })
		s := newSender(t, influx.URL, func(cfg *Config) { cfg.Request.MaxPoints = 2 })
		err := s.ConsumeMetrics(t.Context(), metricsOf(t, "0", "1", "2"))
		require.Error(t, err)
		assert.True(t, consumererror.IsPermanent(err), c.said)
		assert.ErrorContains(t, err, "3 of 3 metrics groups are dropped: ")
		for _, want := range c.wants {
			assert.ErrorContains(t, err, want)
		}
		assert.Equal(t, map[string]int{"groups_dropped " + c.reason: 3}, s.counts(t))
		assert.Len(t, influx.lines(), c.requests, c.said)
	}
}

// What a proxy in front of InfluxDB sends back of a request's headers is not told.
func TestEcho(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 418} {
		influx := newServer(t, func(int, string) (int, string) { return status, "denied for HdrToken888 and UserPassword" })
		s := newSender(t, influx.URL, func(cfg *Config) {
			cfg.Client.Headers = configopaque.MapList{
				{Name: "X-Token", Value: "HdrToken888"}, {Name: "Authorization", Value: "Basic dXNyOlVzZXJQYXNzd29yZA=="},
			}
		})
		err := s.ConsumeMetrics(t.Context(), metricsOf(t, "0"))
		assert.ErrorContains(t, err, "denied for (secret) and (secret)")
		for _, line := range s.logs.All() {
			assert.NotContains(t, fmt.Sprint(line), "HdrToken888")
		}
	}
}

// Whatever may pass is tried again, with all points, which are counted once.
func TestAttempts(t *testing.T) {
	t.Parallel()
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		influx := newServer(t, func(n int, _ string) (int, string) {
			if n == 1 || n == 2 {
				return status, `{"error":"timeout"}`
			}
			return http.StatusNoContent, ""
		})
		s := newSender(t, influx.URL, func(cfg *Config) { cfg.Request.MaxPoints = 2 })
		require.NoError(t, s.ConsumeMetrics(t.Context(), metricsOf(t, "0", "1", "2", `3\`)))
		first, second := []string{lineOf("0"), lineOf("1")}, []string{lineOf("2")}
		assert.Equal(t, [][]string{first, second, first, first, second}, influx.lines())
		assert.Equal(t, map[string]int{"groups_sent": 3, "groups_dropped backslash": 1}, s.counts(t))
		assert.Len(t, s.logs.FilterMessageSnippet("cannot be written to InfluxDB").All(), 1)
		assert.Equal(t, []string{
			fmt.Sprintf("StatusRecoverableError: cannot deliver to InfluxDB: InfluxDB cannot take a request now (%d): timeout", status), "StatusOK",
		}, s.host.events)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	influx := newServer(t, nil)
	influx.Close()
	s := newSender(t, influx.URL, func(cfg *Config) { cfg.Retry.MaxElapsedTime = 50 * time.Millisecond })
	err := s.ConsumeMetrics(t.Context(), metricsOf(t, "0"))
	require.ErrorContains(t, err, "no more retries left: cannot write to InfluxDB: ")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Empty(t, s.counts(t))
	require.Len(t, s.host.events, 1)
	assert.Contains(t, s.host.events[0], "StatusRecoverableError: cannot deliver to InfluxDB: cannot write to InfluxDB: ")
	assert.Len(t, s.logs.FilterMessage("InfluxDB takes no points").All(), 1)
}

// A request that is too large is cut in halves until each part is taken, or is one point.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 2000)
	influx := newServer(t, func(_ int, body string) (int, string) {
		if len(body) > 1000 {
			return http.StatusRequestEntityTooLarge, `{"error":"Request Entity Too Large"}`
		}
		return http.StatusNoContent, ""
	})
	s := newSender(t, influx.URL, nil)
	require.NoError(t, s.ConsumeMetrics(t.Context(), metricsOf(t, "0", "1", big, "3", "4")))
	assert.Equal(t, map[string]int{"groups_sent": 4, "groups_dropped too_large": 1}, s.counts(t))
	logs := s.logs.FilterField(zapReason("too_large")).All()
	require.Len(t, logs, 1)
	assert.Contains(t, fmt.Sprint(logs[0].ContextMap()["error"]), "raise its max-body-size")
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	for value, want := range map[string]string{
		"7": "Throttle (7s), error: InfluxDB cannot take a request now (503): busy", "": "InfluxDB cannot take", "-1": "InfluxDB cannot take",
		"soon": "InfluxDB cannot take", "86400": "Throttle (5m0s)",
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  "Throttle (5m0s)",
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): "InfluxDB cannot take",
	} {
		_, err := cfg.judge(503, http.Header{"Retry-After": {value}}, []byte("busy"), 1)
		require.Error(t, err)
		assert.True(t, strings.HasPrefix(err.Error(), want), "%s: %v", value, err)
	}
}

func TestLongAnswersAreCut(t *testing.T) {
	t.Parallel()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	v, err := cfg.judge(400, nil, []byte("partial write: "+strings.Repeat("unable to parse 'x': bad\n", 1000)+" dropped=0"), 5000)
	require.NoError(t, err)
	assert.Equal(t, 1000, v.dropped)
	assert.Less(t, len(v.err.Error()), 1100)
}

// Metrics that never were Panoptes' become points too; what they lose is counted.
func TestForeignMetrics(t *testing.T) {
	t.Parallel()
	md := pmetric.NewMetrics()
	sm := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	m := sm.Metrics().AppendEmpty()
	m.SetName("http.requests")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(1600000000_000000000)
	p.SetDoubleValue(2.5)
	sm.Metrics().AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
	influx := newServer(t, nil)
	s := newSender(t, influx.URL, func(cfg *Config) { cfg.ResourceDefaults.Site = "here" })
	require.NoError(t, s.ConsumeMetrics(t.Context(), md))
	assert.Equal(t, [][]string{{"http,resource_class=otel,resource_endpoint=unknown,resource_site=here,resource_subclass=resource,resource_type=generic requests__gauge=2.5 1600000000"}},
		influx.lines())
	assert.Equal(t, map[string]int{
		"groups_sent": 1, "points_dropped histogram": 1, "points_degraded type_lost": 1, "points_degraded interval_lost": 1, "points_degraded resource_derived": 1,
	}, s.counts(t))
}

func TestRates(t *testing.T) {
	t.Parallel()
	for rates, want := range map[exporterkit.Rates]string{exporterkit.RatesInt: "reads__counter=0,reads__gauge=2,used__gauge=0.5", exporterkit.RatesDouble: "reads__gauge=2.75"} {
		md := metricsOf(t, "0")
		metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		rate := metrics.AppendEmpty()
		rate.SetName("disk io.reads.rate")
		p := rate.SetEmptyGauge().DataPoints().AppendEmpty()
		metrics.At(0).Gauge().DataPoints().At(0).CopyTo(p)
		p.SetDoubleValue(2.75)
		influx := newServer(t, nil)
		s := newSender(t, influx.URL, func(cfg *Config) { cfg.Rates = rates })
		require.NoError(t, s.ConsumeMetrics(t.Context(), md))
		assert.Contains(t, influx.bodies[0], want)
	}
}

// An InfluxDB that takes nothing, without an answer, does not hold up a shutdown.
func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 100), make(chan struct{})
	influx := newServer(t, func(int, string) (int, string) {
		asked <- struct{}{}
		<-release
		return http.StatusNoContent, ""
	})
	defer close(release)
	s := newSender(t, influx.URL, func(cfg *Config) {
		cfg.Queue.Get().WaitForResult = false
		cfg.Client.Timeout = 0
	})
	s.Metrics.(*exporterkit.Exporter).Drain.Patience = 50 * time.Millisecond
	for range 30 {
		require.NoError(t, s.ConsumeMetrics(t.Context(), metricsOf(t, "0")))
	}
	<-asked
	require.NoError(t, s.Shutdown(t.Context()))
	assert.Empty(t, s.counts(t))
}

// InfluxDB 2 says in other words, and with other statuses, that it did not take some points.
func TestRefusalsOfVersion2(t *testing.T) {
	t.Parallel()
	const conflict = `field type conflict: input field \"m__gauge\" on measurement \"x\" is type float, already exists as type integer`
	for _, c := range []struct {
		status int
		said   string
		want   map[string]int
	}{
		{422, `{"code":"unprocessable entity","message":"failure writing points to database: partial write: ` + conflict + ` dropped=2"}`, map[string]int{
			"groups_sent": 1, "groups_dropped field_type_conflict": 2,
		}},
		{422, `{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 1 points outside retention policy of duration 1h0m0s - ` +
			`oldest point x at 2020-09-13T12:26:40Z, newest point x at 2020-09-13T12:26:40Z dropped=1 for database: 0b4d5e for retention policy: autogen"}`, map[string]int{
			"groups_sent": 2, "groups_dropped beyond_retention": 1,
		}},
		{500, `{"code":"internal error","message":"unexpected error writing points to database: partial write: ` + conflict + ` dropped=1"}`, map[string]int{
			"groups_sent": 2, "groups_dropped field_type_conflict": 1,
		}},
		{500, `{"code":"internal error","message":"unexpected error writing points to database: engine: field type conflict"}`, map[string]int{
			"groups_dropped field_type_conflict": 3,
		}},
		{500, `{"code":"internal error","message":"unexpected error writing points to database: field type conflict"}`, map[string]int{
			"groups_dropped field_type_conflict": 3,
		}},
	} {
		influx := newServer(t, func(int, string) (int, string) { return c.status, c.said })
		s := newSender(t, influx.URL, nil)
		require.NoError(t, s.ConsumeMetrics(t.Context(), metricsOf(t, "0", "1", "2")), c.said)
		assert.Equal(t, c.want, s.counts(t), c.said)
		assert.Len(t, influx.lines(), 1, "it is not tried again: %s", c.said)
		assert.Len(t, s.logs.FilterMessageSnippet("does not take some metrics groups").All(), 1, c.said)
	}
	v, err := createDefaultConfig().(*Config).judge(500, nil, []byte(`{"code":"internal error","message":"unexpected error writing points to database: timeout"}`), 3)
	require.ErrorContains(t, err, "cannot take a request now (500): unexpected error writing points to database: timeout")
	assert.Zero(t, v)
}
