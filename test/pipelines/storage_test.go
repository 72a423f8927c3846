package pipelines

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor"
)

type hostWith map[component.ID]component.Component

func (h hostWith) GetExtensions() map[component.ID]component.Component { return h }

// rateLife is one life of the rate processor with a file_storage in a folder.
type rateLife struct {
	processor.Metrics
	sink *consumertest.MetricsSink
	logs *observer.ObservedLogs
	stop func()
}

func liveOn(t *testing.T, dir string) *rateLife {
	t.Helper()
	f := filestorage.NewFactory()
	storageConfig := f.CreateDefaultConfig().(*filestorage.Config)
	storageConfig.Directory = dir
	id := component.MustNewID("file_storage")
	tel := componenttest.NewNopTelemetrySettings()
	ext, err := f.Create(t.Context(), extension.Settings{ID: id, TelemetrySettings: tel}, storageConfig)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), hostWith{}))

	core, logs := observer.New(zap.InfoLevel)
	tel.Logger = zap.New(core)
	rate := panoptesrateprocessor.NewFactory()
	cfg := rate.CreateDefaultConfig().(*panoptesrateprocessor.Config)
	cfg.Storage = &id
	cfg.Transforms = []panoptesrateprocessor.Transform{{Metrics: []string{"c"}}}
	sink := &consumertest.MetricsSink{}
	p, err := rate.CreateMetrics(t.Context(), processor.Settings{ID: component.NewID(rate.Type()), TelemetrySettings: tel}, cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), hostWith{id: ext}))
	return &rateLife{p, sink, logs, func() {
		require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context())))
		require.NoError(t, ext.Shutdown(context.WithoutCancel(t.Context())))
	}}
}

// rates sends the values that many series have at a time, ten a second, and returns how many have their rate.
func (l *rateLife) rates(t *testing.T, series, seconds int) (right int) {
	t.Helper()
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("c")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i := range series {
		p := sum.DataPoints().AppendEmpty()
		p.Attributes().PutInt("n", int64(i))
		p.SetTimestamp(pcommon.Timestamp(1_600_000_000+seconds) * 1e9)
		p.SetIntValue(int64(10 * seconds))
	}
	l.sink.Reset()
	require.NoError(t, l.ConsumeMetrics(t.Context(), md))
	metrics := l.sink.AllMetrics()[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	if metrics.Len() < 2 {
		return 0
	}
	for _, p := range metrics.At(1).Gauge().DataPoints().All() {
		if assert.EqualValues(t, 10, p.DoubleValue()) {
			right++
		}
	}
	return right
}

const stateFile = "processor_panoptes_rate_"

// TestRatesWithFileStorage: a planned restart costs no rate.
func TestRatesWithFileStorage(t *testing.T) {
	const series = 20_000
	dir := t.TempDir()
	l := liveOn(t, dir)
	assert.Zero(t, l.rates(t, series, 0))
	for restart := 1; restart < 4; restart++ {
		assert.Equal(t, series, l.rates(t, series, 60*restart))
		l.stop()
		l = liveOn(t, dir)
	}
	l.stop()
	require.FileExists(t, filepath.Join(dir, stateFile))
}

// TestDamagedFileStorage: the processor starts and says so, no rate is wrong, and none is missing from then on. That is as
// far as file_storage opens a damaged file or says that it does not; over one that was cut short it ends the process.
func TestDamagedFileStorage(t *testing.T) {
	const series = 20_000
	for name, tt := range map[string]struct {
		damage func(data []byte) []byte
		least  int // rates that are there nevertheless
	}{
		"rubbish":        {func(data []byte) []byte { return bytes.Repeat([]byte("x"), len(data)) }, 0},
		"a line of text": {func([]byte) []byte { return []byte("hello\n") }, 0},
		"zeroes":         {func(data []byte) []byte { return make([]byte, len(data)) }, 0},
		"a chunk":        {func(data []byte) []byte { data[bytes.LastIndex(data, []byte("PRSc"))+1000]++; return data }, series / 2},
		"all chunks":     {func(data []byte) []byte { return bytes.ReplaceAll(data, []byte("PRSc\x01"), []byte("PRSc\x02")) }, 0},
		"the index":      {func(data []byte) []byte { return bytes.ReplaceAll(data, []byte("PRSi\x01"), []byte("PRSi\x02")) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := liveOn(t, dir)
			l.rates(t, series, 0)
			require.Equal(t, series, l.rates(t, series, 60))
			l.stop()
			path := filepath.Join(dir, stateFile)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, tt.damage(data), 0o600))

			l = liveOn(t, dir)
			assert.NotZero(t, l.logs.FilterLevelExact(zap.WarnLevel).Len())
			right := l.rates(t, series, 120)
			assert.GreaterOrEqual(t, right, tt.least)
			assert.Less(t, right, series)
			assert.Equal(t, series, l.rates(t, series, 180))
			l.stop()
			l = liveOn(t, dir)
			assert.Equal(t, series, l.rates(t, series, 240))
			l.stop()
		})
	}
}
