package pipelines

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/state"
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

// TestDamagedFileStorage: the processor starts and says so, no rate is wrong, and none is missing from then on.
func TestDamagedFileStorage(t *testing.T) {
	const series = 20_000
	for name, tt := range map[string]struct {
		damage func(data []byte) []byte
		least  int // rates that are there nevertheless
	}{
		"rubbish":        {func(data []byte) []byte { return bytes.Repeat([]byte("x"), len(data)) }, 0},
		"a line of text": {func([]byte) []byte { return []byte("hello\n") }, 0},
		"cut short":      {func(data []byte) []byte { return data[:len(data)/2] }, 0},
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
			assert.NotZero(t, l.logs.Filter(func(e observer.LoggedEntry) bool { return e.Level >= zap.WarnLevel }).Len())
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

// TestAnyDamageOfFileStorage: whatever page of a storage is damaged, and how, file_storage opens what is there after it was
// healed: with what it held, or without. It would end the process otherwise.
func TestAnyDamageOfFileStorage(t *testing.T) {
	const keys = 3000
	rounds := 12
	if os.Getenv("PANOPTES_TRUST") != "" {
		rounds = 200
	}
	ctx := t.Context()
	open := func(dir string) (storage.Extension, storage.Client) {
		f := filestorage.NewFactory()
		cfg := f.CreateDefaultConfig().(*filestorage.Config)
		cfg.Directory = dir
		ext, err := f.Create(ctx, extension.Settings{ID: component.MustNewID("file_storage"), TelemetrySettings: componenttest.NewNopTelemetrySettings()}, cfg)
		require.NoError(t, err)
		state.Heal(ext.(storage.Extension))
		client, err := ext.(storage.Extension).GetClient(ctx, component.KindExporter, component.MustNewID("x"), "metrics")
		require.NoError(t, err)
		return ext.(storage.Extension), client
	}
	value := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 10+i%9000) }
	dir := t.TempDir()
	ext, client := open(dir)
	for i := range keys {
		require.NoError(t, client.Set(ctx, strconv.Itoa(i), value(i)))
	}
	require.Len(t, state.Heal(ext), 0, "one that is in use is left alone")
	require.NoError(t, client.Close(ctx))
	require.Empty(t, state.Heal(ext), "one that is whole is left alone")
	path := filepath.Join(dir, "exporter_x__metrics")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	noise := rand.New(rand.NewPCG(1, 2))
	const page = 4096
	damages := map[string]func(data []byte, at int) []byte{
		"zeros": func(data []byte, at int) []byte { clear(data[at : at+page]); return data },
		"noise": func(data []byte, at int) []byte {
			for i := range page {
				data[at+i] = byte(noise.Uint32())
			}
			return data
		},
		"head": func(data []byte, at int) []byte { data[at+8+noise.IntN(8)] ^= byte(1 + noise.IntN(255)); return data },
		"bytes": func(data []byte, at int) []byte {
			data[at+16+noise.IntN(200)] ^= byte(1 + noise.IntN(255))
			return data
		},
		"cut":   func(data []byte, at int) []byte { return data[:at+noise.IntN(page)] },
		"text":  func([]byte, int) []byte { return []byte("# not a storage\n") },
		"other": func(data []byte, at int) []byte { copy(data[at:at+page], data[2*page:]); return data },
	}
	for name, damage := range damages {
		for n := range rounds {
			at := n % 4 * page // the heads and what follows, then anywhere
			if n >= 8 {
				at = noise.IntN(len(whole)/page) * page
			}
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "exporter_x__metrics"), damage(bytes.Clone(whole), at), 0o600))
			_, client := open(dir)
			for i := range keys {
				_, err := client.Get(ctx, strconv.Itoa(i))
				require.NoError(t, err, "%s at page %d", name, at/page)
			}
			require.NoError(t, client.Set(ctx, "new", []byte("x")))
			require.NoError(t, client.Close(ctx))
		}
	}
}
