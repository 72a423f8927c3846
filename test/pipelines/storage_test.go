package pipelines

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

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

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension"
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
		"nothing":        {func([]byte) []byte { return nil }, 0},
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
			require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(-time.Second)))

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

// healAndOpen opens the storage of the exporter x in a folder, and says how many files were put aside before.
func healAndOpen(t *testing.T, dir string) (ext storage.Extension, client storage.Client, aside int) {
	t.Helper()
	f := filestorage.NewFactory()
	cfg := f.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = dir
	c, err := f.Create(t.Context(), extension.Settings{ID: component.MustNewID("file_storage"), TelemetrySettings: componenttest.NewNopTelemetrySettings()}, cfg)
	require.NoError(t, err)
	ext = c.(storage.Extension)
	aside = len(state.Heal(ext))
	client, err = ext.GetClient(t.Context(), component.KindExporter, component.MustNewID("x"), "metrics")
	require.NoError(t, err)
	return ext, client, aside
}

// TestDamagedQueueOfOthers: the status extension puts aside the damaged files of stock exporters before they start, and leaves
// those of our components to them.
func TestDamagedQueueOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	damaged := bytes.Repeat([]byte{0}, 64<<10)
	ours, theirs := filepath.Join(dir, "exporter_panoptes_json__metrics"), filepath.Join(dir, "exporter_otlp_http__metrics")
	for _, path := range []string{ours, theirs} {
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
	}
	f := filestorage.NewFactory()
	storageConfig := f.CreateDefaultConfig().(*filestorage.Config)
	storageConfig.Directory = dir
	core, logs := observer.New(zap.ErrorLevel)
	tel := componenttest.NewNopTelemetrySettings()
	id := component.MustNewID("file_storage")
	storages, err := f.Create(t.Context(), extension.Settings{ID: id, TelemetrySettings: tel}, storageConfig)
	require.NoError(t, err)
	pages := panoptesstatusextension.NewFactory()
	cfg := pages.CreateDefaultConfig().(*panoptesstatusextension.Config)
	cfg.Server.NetAddr.Endpoint = "localhost:0"
	tel.Logger = zap.New(core)
	ext, err := pages.Create(t.Context(), extension.Settings{ID: component.NewID(pages.Type()), TelemetrySettings: tel}, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), hostWith{id: storages, component.NewID(pages.Type()): ext}))
	require.NoError(t, ext.Shutdown(t.Context()))
	assert.FileExists(t, ours)
	assert.NoFileExists(t, theirs)
	require.Equal(t, 1, logs.Len())
	assert.Contains(t, logs.All()[0].ContextMap()["error"], theirs)
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
		ext, client, _ := healAndOpen(t, dir)
		return ext, client
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

// TestAnyBitOfFileStorage: whichever bit of a storage is another, file_storage does all that it does with what is there after it was
// healed. There is one storage whose values are in the root, one of a page and one of some.
func TestAnyBitOfFileStorage(t *testing.T) {
	every := 256
	if os.Getenv("PANOPTES_TRUST") != "" {
		every = 1
	}
	ctx := t.Context()
	for keys, value := range map[int]int{3: 8, 40: 32, 300: 60} {
		dir := t.TempDir()
		_, client, _ := healAndOpen(t, dir)
		for i := range keys {
			require.NoError(t, client.Set(ctx, "key "+strconv.Itoa(i), bytes.Repeat([]byte{'v'}, value)))
		}
		require.NoError(t, client.Close(ctx))
		path := filepath.Join(dir, "exporter_x__metrics")
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		flipped, aside := 0, 0
		for bit := range 8 * len(whole) {
			// What is neither in the head of a page nor in its first elements is taken less often, and long runs of one byte never.
			at := bit / 8
			if inPage := at % 4096; inPage > 0 && inPage < 4095 && whole[at] == whole[at-1] && whole[at] == whole[at+1] && inPage > 80 ||
				(bit+bit/8)%every != 0 && inPage > 64 || (bit+bit/8)%16 != 0 && (inPage > 16 || keys > 100) && every > 1 {
				continue
			}
			data := bytes.Clone(whole)
			data[at] ^= 1 << (bit % 8)
			require.NoError(t, os.RemoveAll(dir)) // some file systems take long to write over a file
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.WriteFile(path, data, 0o600))
			_, client, n := healAndOpen(t, dir)
			flipped, aside = flipped+1, aside+n
			use(t, client, fmt.Sprintf("%d keys, bit %d of byte %d of page %d", keys, bit%8, at%4096, at/4096))
		}
		t.Logf("%d keys: %d bits, %d times put aside", keys, flipped, aside)
		assert.NotZero(t, aside)
	}
}

// TestFileStorageInUse: whoever cannot have its storage because another has it names the folder, and what to do.
func TestFileStorageInUse(t *testing.T) {
	dir := t.TempDir()
	ext, client, _ := healAndOpen(t, dir)
	id := component.MustNewID("file_storage")
	host := hostWith{id: ext}
	_, err := ext.GetClient(t.Context(), component.KindExporter, component.MustNewID("x"), "metrics")
	require.EqualError(t, state.InUse(host, &id, err), `storage "file_storage": timeout: another process has the file of this queue open `+
		"in the folder "+strconv.Quote(dir)+": stop it, or give each Collector a folder of its own")

	live := liveOn(t, dir)
	defer live.stop()
	_, _, err = state.OpenStorage(t.Context(), ext, state.Owner{Kind: component.KindProcessor, ID: component.MustNewID("panoptes_rate")})
	require.EqualError(t, err, "timeout: another Collector uses it in the folder "+strconv.Quote(dir)+
		", or another pipeline has a processor of this name: give each its own, as panoptes_rate/a")
	require.NoError(t, client.Close(t.Context()))
}

// use has a storage do all that one does, and closes it.
func use(t *testing.T, client storage.Client, what string) {
	ctx := t.Context()
	_, err := client.Get(ctx, "key 1")
	require.NoError(t, err, what)
	for _, key := range []string{"key 1", "key 2", "new"} {
		require.NoError(t, client.Set(ctx, key, bytes.Repeat([]byte("x"), 200)), what)
	}
	found := 0
	require.NoError(t, client.(storage.Walker).Walk(ctx, func(string, []byte) ([]*storage.Operation, error) {
		found++
		return nil, nil
	}), what)
	require.GreaterOrEqual(t, found, 3, what)
	for _, key := range []string{"key 0", "key 1"} {
		require.NoError(t, client.Delete(ctx, key), what)
	}
	got, err := client.Get(ctx, "new")
	require.NoError(t, err, what)
	require.Len(t, got, 200, what)
	require.NoError(t, client.Close(ctx), what)
}
