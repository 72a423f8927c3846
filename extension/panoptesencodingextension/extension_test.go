package panoptesencodingextension

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesencodingextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/schema"
)

// observed is an extension whose telemetry and log can be read.
type observed struct {
	*encodingExtension
	tel  *componenttest.Telemetry
	logs *observer.ObservedLogs
}

func newObserved(t *testing.T, change func(*Config)) observed {
	t.Helper()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.WithoutCancel(t.Context()))) })
	core, logs := observer.New(zap.DebugLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	set.Logger = zap.New(core)
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	e, err := newExtension(set, cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.WithoutCancel(t.Context()))) })
	return observed{e, tel, logs}
}

// counts are the extension's own metrics: name, or name and reason, to value, without zeros.
func (o observed) counts(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	var all metricdata.ResourceMetrics
	require.NoError(t, o.tel.Reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				name := strings.TrimPrefix(m.Name, "otelcol_panoptes_encoding_")
				if reason, ok := p.Attributes.Value("reason"); ok {
					name += " " + reason.AsString()
				}
				if p.Value != 0 {
					out[name] = int(p.Value)
				}
			}
		}
	}
	return out
}

// group is a message as Panoptes writes it, with a counter, its rate and a gauge.
func group(id string, at int) string {
	return fmt.Sprintf(`{"metrics_group_type": "interface", "metrics_group_interval": 60, "metrics_group_creation_timestamp": %[2]d.25, `+
		`"metrics_group_schema_version": "0.2", "resource": {"resource_site": "dc1", "resource_class": "network", "resource_subclass": "switch", `+
		`"resource_type": "vendor_os", "resource_id": "%[1]s", "resource_endpoint": "10.0.0.1", "resource_metadata": {"_resource_ttl": "900"}, `+
		`"resource_creation_timestamp": 1512629517.03, "resource_plugin": "inventory"}, "metrics": [`+
		`{"metric_creation_timestamp": %[2]d.25, "metric_name": "octets", "metric_value": %[2]d0, "metric_type": "counter"}, `+
		`{"metric_creation_timestamp": %[2]d.25, "metric_name": "octets", "metric_value": 10, "metric_type": "gauge"}, `+
		`{"metric_creation_timestamp": %[2]d.25, "metric_name": "load", "metric_value": 0.5, "metric_type": "gauge"}], `+
		`"dimensions": [{"dimension_name": "name", "dimension_value": "xe-0/0/1"}]}`, id, at)
}

func TestBothWays(t *testing.T) {
	t.Parallel()
	a, b, c := group("a", 1600000000), group("b", 1600000000), group("a", 1600000060)
	for framing, want := range map[Framing]string{
		FramingLines: a + "\n" + c + "\n" + b,
		FramingArray: "[" + a + ",\n" + c + ",\n" + b + "]",
	} {
		for name, in := range map[string]string{
			"lines": a + "\n" + b + "\n" + c + "\n", "array": "[" + a + ", " + b + ", " + c + "]", "lines of arrays": "[" + a + "," + b + "]\n[" + c + "]",
		} {
			t.Run(string(framing)+" from "+name, func(t *testing.T) {
				t.Parallel()
				o := newObserved(t, func(cfg *Config) { cfg.Framing = framing })
				md, err := o.UnmarshalMetrics([]byte(in))
				require.NoError(t, err)
				assert.Equal(t, 9, md.DataPointCount())
				out, err := o.MarshalMetrics(md)
				require.NoError(t, err)
				assert.Equal(t, want, string(out))
				assert.Equal(t, map[string]int{"groups_read": 3, "groups_written": 3}, o.counts(t))
				again, err := o.UnmarshalMetrics(out)
				require.NoError(t, err)
				assert.Equal(t, 9, again.DataPointCount())
				assert.Zero(t, o.logs.Len())
			})
		}
	}
}

// A message of one group is as the receiver's own data after the rate processor.
func TestMetricsOfAMessage(t *testing.T) {
	t.Parallel()
	for _, identity := range []bool{true, false} {
		o := newObserved(t, func(cfg *Config) { cfg.ServiceIdentity = identity })
		md, err := o.UnmarshalMetrics([]byte(group("a", 1600000000)))
		require.NoError(t, err)
		rm := md.ResourceMetrics().At(0)
		instance, ok := rm.Resource().Attributes().Get("service.instance.id")
		require.Equal(t, identity, ok)
		if identity {
			assert.Equal(t, "a", instance.Str())
		}
		sm := rm.ScopeMetrics().At(0)
		assert.Equal(t, "panoptes/encoding", sm.Scope().Name())
		var got []string
		for _, m := range sm.Metrics().All() {
			got = append(got, m.Name()+" "+m.Unit()+" "+m.Type().String())
		}
		assert.Equal(t, []string{"interface.octets  Sum", "interface.octets.rate 1/s Gauge", "interface.load  Gauge"}, got)
	}
}

// TestPanoptesMessages goes both ways with what Panoptes itself wrote. Numbers and texts come back as they were; a
// group's own time becomes its earliest metric's, and groups without metrics have no data point.
func TestPanoptesMessages(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../testdata/vectors/metrics_group_json.jsonl")
	require.NoError(t, err)
	o := newObserved(t, func(cfg *Config) { cfg.Rates = exporterkit.RatesDouble })
	rows := 0
	for line := range strings.Lines(string(data)) {
		var row struct{ Name, Raw string }
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		if row.Raw == "" {
			continue
		}
		md, err := o.UnmarshalMetrics([]byte(row.Raw))
		require.NoError(t, err, row.Name)
		out, err := o.MarshalMetrics(md)
		require.NoError(t, err, row.Name)
		if md.DataPointCount() == 0 {
			assert.Empty(t, out, row.Name)
			assert.NotNil(t, out, row.Name)
			continue
		}
		rows++
		require.NoError(t, schema.Validate(out), row.Name)
		if md, err = o.UnmarshalMetrics(out); assert.NoError(t, err) {
			again, _ := o.MarshalMetrics(md)
			assert.Equal(t, string(out), string(again), row.Name)
		}
	}
	assert.GreaterOrEqual(t, rows, 25)
}

func TestWhatIsNoGroup(t *testing.T) {
	t.Parallel()
	a, b := group("a", 1600000000), group("b", 1600000000)
	bad := strings.Replace(a, `"metric_value": 0.5`, `"metric_value": "0.5"`, 1)
	for name, tt := range map[string]struct {
		message string
		points  int
		err     string
		log     string
		counts  map[string]int
	}{
		"nothing":        {"", 0, "", "", map[string]int{}},
		"an empty array": {"[]", 0, "", "", map[string]int{}},
		"one bad group": {
			bad, 0, `group 0: type "interface": metrics[2].metric_value (at byte`, "",
			map[string]int{"groups_dropped invalid": 1},
		},
		"no JSON": {"HTTP/1.1", 0, "group 0: at byte 0: expected an object", "", map[string]int{"groups_dropped malformed": 1}},
		"nothing but bad ones": {
			"[" + bad + ", 5]", 0, `none of 2 is a metrics group: group 0: type "interface": metrics[2].metric_value`, "",
			map[string]int{"groups_dropped invalid": 2},
		},
		"a bad one among good ones": {
			a + "\n" + bad + "\n{\n" + b, 6, "", `group 1: type "interface": metrics[2].metric_value (at byte`,
			map[string]int{"groups_read": 2, "groups_dropped invalid": 1, "groups_dropped malformed": 1},
		},
		"an array cut short": {
			"[" + a + "," + b[:500], 3, "", `group 1: type "interface": `, map[string]int{"groups_read": 1, "groups_dropped malformed": 1},
		},
		"too large": {strings.Repeat(" ", 4001), 0, "max_message_bytes: at byte 0: the message has 4001 bytes, limit is 4000", "", map[string]int{"groups_dropped too_large": 1}},
		"a time before 1970": {
			strings.Replace(a, "1600000000.25, \"metric_name\": \"load\"", "-5, \"metric_name\": \"load\"", 1), 2, "", "",
			map[string]int{"groups_read": 1, "points_dropped timestamp_out_of_range": 1},
		},
		"NaN, and beyond 64 bits": {
			strings.NewReplacer("0.5", "NaN", "16000000000,", "18446744073709551615,").Replace(a), 2, "", "",
			map[string]int{"groups_read": 1, "points_dropped not_finite": 1, "points_degraded integer_out_of_range": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newObserved(t, func(cfg *Config) { cfg.MaxMessageBytes = 4000 })
			md, err := o.UnmarshalMetrics([]byte(tt.message))
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
			assert.Equal(t, tt.points, md.DataPointCount())
			assert.Equal(t, tt.counts, o.counts(t))
			logs := o.logs.All()
			if tt.log == "" {
				assert.Empty(t, logs)
				return
			}
			require.Len(t, logs, 1)
			assert.Contains(t, fmt.Sprint(logs[0].ContextMap()["error"]), tt.log)
		})
	}
}

// Metrics that never were Panoptes' are written with the configured defaults, and what has no form is counted.
func TestForeignMetrics(t *testing.T) {
	t.Parallel()
	o := newObserved(t, func(cfg *Config) {
		cfg.DefaultInterval = 30e9
		cfg.ResourceDefaults = exporterkit.ResourceDefaults{Site: "dc9", Class: "hosts"}
	})
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("host.name", "web1")
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	m := metrics.AppendEmpty()
	m.SetName("system.cpu.load")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.Timestamp(1600000000e9))
	p.SetDoubleValue(0.5)
	metrics.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
	out, err := o.MarshalMetrics(md)
	require.NoError(t, err)
	for _, want := range []string{
		`"metrics_group_type": "system.cpu"`, `"metrics_group_interval": 30`, `"resource_site": "dc9"`, `"resource_class": "hosts"`, `"resource_id": "web1"`,
	} {
		assert.Contains(t, string(out), want)
	}
	require.NoError(t, schema.Validate(out))
	counts := o.counts(t)
	assert.Equal(t, 1, counts["points_dropped histogram"])
	assert.Equal(t, 1, counts["points_degraded type_lost"])

	onlyHistograms := pmetric.NewMetrics()
	onlyHistograms.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
	out, err = o.MarshalMetrics(onlyHistograms)
	require.NoError(t, err)
	assert.Equal(t, []byte{}, out, "no deletion to Kafka, which nil would be")
}

func TestRates(t *testing.T) {
	t.Parallel()
	fraction := strings.Replace(group("a", 1600000000), `"metric_value": 10`, `"metric_value": 10.75`, 1)
	for rates, want := range map[exporterkit.Rates]string{exporterkit.RatesInt: `"metric_value": 10,`, exporterkit.RatesDouble: `"metric_value": 10.75,`} {
		o := newObserved(t, func(cfg *Config) { cfg.Rates = rates })
		md, err := o.UnmarshalMetrics([]byte(fraction))
		require.NoError(t, err)
		out, err := o.MarshalMetrics(md)
		require.NoError(t, err)
		assert.Contains(t, string(out), want)
	}
}

// Several components share one extension.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	o := newObserved(t, nil)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			want := group(fmt.Sprint(n), 1600000000)
			for range 50 {
				md, err := o.UnmarshalMetrics([]byte(want))
				assert.NoError(t, err)
				out, err := o.MarshalMetrics(md)
				assert.NoError(t, err)
				assert.Equal(t, want, string(out))
			}
		})
	}
	wg.Wait()
	assert.Equal(t, map[string]int{"groups_read": 400, "groups_written": 400}, o.counts(t))
}

// The message's memory belongs to the caller, who may use it again.
func TestMessageIsNotKept(t *testing.T) {
	t.Parallel()
	o := newObserved(t, nil)
	message := []byte(group("a", 1600000000))
	md, err := o.UnmarshalMetrics(message)
	require.NoError(t, err)
	want := bytes.Clone(message)
	clear(message)
	out, err := o.MarshalMetrics(md)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(out))
}

func BenchmarkBothWays(b *testing.B) {
	e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(b, err)
	var lines []string
	for n := range 100 {
		lines = append(lines, group(fmt.Sprint(n/10), 1600000000+n))
	}
	text := []byte(strings.Join(lines, "\n"))
	md, err := e.UnmarshalMetrics(text)
	require.NoError(b, err)
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			_, _ = e.UnmarshalMetrics(text)
		}
	})
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			_, _ = e.MarshalMetrics(md)
		}
	})
}

// FuzzBothWays: whatever is read can be written, is valid then, and says the same when it is read again.
func FuzzBothWays(f *testing.F) {
	a, b := group("a", 1600000000), group("b", 1600000060)
	for _, text := range []string{a + "\n" + b, "[" + a + ", {}, " + b + "]", strings.Replace(a, "0.5", "NaN", 1), strings.Replace(a, "1600000000.25", `" 5 "`, 2)} {
		f.Add([]byte(text))
	}
	cfg := createDefaultConfig().(*Config)
	cfg.Rates = exporterkit.RatesDouble
	e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, message []byte) {
		md, err := e.UnmarshalMetrics(message)
		if err != nil {
			return
		}
		out, err := e.MarshalMetrics(md)
		require.NoError(t, err)
		for line := range bytes.Lines(out) {
			require.NoError(t, schema.Validate(line), "%s", line)
		}
		again, err := e.UnmarshalMetrics(out)
		require.NoError(t, err, "%s", out)
		require.Equal(t, md.DataPointCount(), again.DataPointCount(), "%s", out)
		twice, err := e.MarshalMetrics(again)
		require.NoError(t, err)
		require.Equal(t, string(out), string(twice))
	})
}
