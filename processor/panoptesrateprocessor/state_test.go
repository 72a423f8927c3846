package panoptesrateprocessor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadatatest"
)

var storageID = component.MustNewIDWithName("file_storage", "rates")

// disk is a storage extension whose storages outlive it.
type disk struct {
	component.StartFunc
	component.ShutdownFunc

	mu       sync.Mutex
	storages map[string]map[string][]byte // by name
	open     map[string]bool
	refuse   map[string]error // to open, by name
	panics   map[string]bool  // when read, by name
	full     bool
}

func newDisk() *disk {
	return &disk{
		storages: map[string]map[string][]byte{}, open: map[string]bool{},
		refuse: map[string]error{}, panics: map[string]bool{},
	}
}

func (d *disk) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	if kind != component.KindProcessor || id != rateID {
		return nil, fmt.Errorf("asked for %v %v", kind, id)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.refuse[name]; err != nil {
		return nil, err
	}
	if d.open[name] {
		return nil, errors.New("timeout")
	}
	d.open[name] = true
	if d.storages[name] == nil {
		d.storages[name] = map[string][]byte{}
	}
	return &diskClient{disk: d, name: name}, nil
}

type diskClient struct {
	*disk
	name string
}

func (c *diskClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, op := range ops {
		data := c.storages[c.name]
		switch {
		case op.Type == storage.Get && c.panics[c.name] && strings.Contains(op.Key, "/"):
			panic("page 5: invalid page type")
		case op.Type == storage.Get:
			op.Value = data[op.Key]
		case c.full:
			return storage.ErrStorageFull
		case op.Type == storage.Set:
			data[op.Key] = op.Value
		default:
			delete(data, op.Key)
		}
	}
	return nil
}

func (c *diskClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *diskClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *diskClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *diskClient) Close(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[c.name] = false
	return nil
}

type hostOf map[component.ID]component.Component

func (h hostOf) GetExtensions() map[component.ID]component.Component { return h }

var rateID = component.NewIDWithName(metadata.Type, "x")

// onDisk is a processor with a storage, before Start.
func onDisk(t *testing.T, tel component.TelemetrySettings) (*rateProcessor, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	set := processor.Settings{ID: rateID, TelemetrySettings: tel}
	set.Logger = zap.New(core)
	cfg := createDefaultConfig().(*Config)
	cfg.Storage = &storageID
	p, err := createMetrics(t.Context(), set, cfg, &consumertest.MetricsSink{})
	require.NoError(t, err)
	return p.(*rateProcessor), logs
}

func startOn(t *testing.T, d *disk) (*rateProcessor, *observer.ObservedLogs) {
	t.Helper()
	p, logs := onDisk(t, componenttest.NewNopTelemetrySettings())
	require.NoError(t, p.Start(t.Context(), hostOf{storageID: d}))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	return p, logs
}

// octetsAt is a batch with one value.
func octetsAt(t *testing.T, seconds float64, value int64) pmetric.Metrics {
	return build(octets, groupOf(t, "interface", seconds, map[string]string{"ifname": "ge-0"}, number{"octets": pluginsdk.Int(value)}))
}

// rateAt sends a value through and returns its rate, or -1.
func rateAt(t *testing.T, p *rateProcessor, seconds float64, value int64) float64 {
	t.Helper()
	rate, ok := rateOf(groupsOf(t, process(t, p, octetsAt(t, seconds, value)))[0], "octets")
	if !ok {
		return -1
	}
	return rate
}

func TestStorageKeepsRates(t *testing.T) {
	t.Parallel()
	d := newDisk()
	p, _ := startOn(t, d)
	require.EqualValues(t, -1, rateAt(t, p, 0, 0))
	require.EqualValues(t, 10, rateAt(t, p, 60, 600))
	require.NoError(t, p.Shutdown(t.Context()))

	p, logs := startOn(t, d)
	assert.Equal(t, []any{int64(1)}, fieldsOf(logs, "Restored the rate state", "series"))
	require.EqualValues(t, 10, rateAt(t, p, 60, 600), "a resend")
	require.EqualValues(t, 20, rateAt(t, p, 120, 1800))

	// Killed: the value after the last save is not in the storage, and neither is the one before any more.
	killed := newDisk()
	for name, data := range d.storages {
		killed.storages[name] = maps.Clone(data)
	}
	p, _ = startOn(t, killed)
	require.EqualValues(t, -1, rateAt(t, p, 180, 1900))
	require.EqualValues(t, 10, rateAt(t, p, 240, 2500))
}

func fieldsOf(logs *observer.ObservedLogs, message, field string) []any {
	var values []any
	for _, e := range logs.FilterMessage(message).All() {
		values = append(values, e.ContextMap()[field])
	}
	return values
}

func TestStorageThatIsNoStorage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		host hostOf
		want string
	}{
		"none":    {hostOf{}, `storage: extension "file_storage/rates" is not among the extensions of the service`},
		"another": {hostOf{storageID: component.Component(nopComponent{})}, `storage: extension "file_storage/rates" is no storage`},
	} {
		p, _ := onDisk(t, componenttest.NewNopTelemetrySettings())
		require.EqualError(t, p.Start(t.Context(), tt.host), tt.want, name)
		require.NoError(t, p.Shutdown(t.Context()))
	}
}

type nopComponent struct {
	component.StartFunc
	component.ShutdownFunc
}

func TestStorageInUse(t *testing.T) {
	t.Parallel()
	d := newDisk()
	startOn(t, d)
	p, _ := onDisk(t, componenttest.NewNopTelemetrySettings())
	require.EqualError(t, p.Start(t.Context(), hostOf{storageID: d}), `storage "file_storage/rates": timeout: another Collector uses it, `+
		`or another pipeline has a processor of this name: give each its own, as panoptes_rate/a`)
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestStorageDoesNotOpen(t *testing.T) {
	t.Parallel()
	d := newDisk()
	d.refuse[""] = errors.New("permission denied")
	p, _ := onDisk(t, componenttest.NewNopTelemetrySettings())
	require.EqualError(t, p.Start(t.Context(), hostOf{storageID: d}), `storage "file_storage/rates": permission denied`)
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestDamagedStorage(t *testing.T) {
	t.Parallel()
	const warning = "The storage of the rate state is damaged; it is left as it is, and a spare one is used until it has been removed"
	for name, damage := range map[string]func(*disk){
		"does not open": func(d *disk) { d.refuse[""] = errors.New("invalid database") },
		"panics":        func(d *disk) { d.panics[""], d.open[""] = true, false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			p, logs := startOn(t, d)
			rateAt(t, p, 0, 0)
			require.NoError(t, p.Shutdown(t.Context()))
			require.Empty(t, fieldsOf(logs, warning, "spare"))
			before := maps.Clone(d.storages[""])

			damage(d)
			p, logs = startOn(t, d)
			assert.Equal(t, []any{"spare"}, fieldsOf(logs, warning, "spare"))
			require.EqualValues(t, -1, rateAt(t, p, 60, 600))
			require.EqualValues(t, 10, rateAt(t, p, 120, 1200))
			require.NoError(t, p.Shutdown(t.Context()))
			assert.Equal(t, before, d.storages[""])

			d.open[""] = false // a storage that panicked is not closed, but its process is gone
			p, _ = startOn(t, d)
			require.EqualValues(t, 10, rateAt(t, p, 180, 1800), "the spare one keeps it")
			require.NoError(t, p.Shutdown(t.Context()))

			// It is removed, a new one is used, and is damaged, too: the spare one is out of date.
			d.refuse[""], d.panics[""], d.open[""], d.storages[""] = nil, false, false, nil
			p, _ = startOn(t, d)
			require.EqualValues(t, -1, rateAt(t, p, 190, 5))
			require.NoError(t, p.Shutdown(t.Context()))
			damage(d)
			p, _ = startOn(t, d)
			require.EqualValues(t, -1, rateAt(t, p, 240, 3000))
		})
	}
}

func TestDamagedState(t *testing.T) {
	t.Parallel()
	d := newDisk()
	p, _ := startOn(t, d)
	rateAt(t, p, 0, 0)
	require.NoError(t, p.Shutdown(t.Context()))
	d.storages[""]["index"] = []byte("rubbish")
	p, logs := startOn(t, d)
	assert.Equal(t, []any{`index of the rate state, put aside as "aside": 7 bytes do not begin as "PRSi" does`},
		fieldsOf(logs, "Cannot use some of the stored rate state; its series begin anew", "error"))
	require.EqualValues(t, -1, rateAt(t, p, 60, 600))
	require.EqualValues(t, 10, rateAt(t, p, 120, 1200))
}

// TestFullStorage: what passes through goes on, and there is one line in the log when it begins and one when it ends.
func TestFullStorage(t *testing.T) {
	t.Parallel()
	d := newDisk()
	p, logs := startOn(t, d)
	host := &reportedHost{Host: componenttest.NewNopHost()}
	p.host = host
	rateAt(t, p, 0, 0)
	d.full = true
	for range 3 {
		written, err := p.keeper.Save(t.Context())
		require.ErrorIs(t, err, storage.ErrStorageFull)
		p.saved(t.Context(), written, err)
	}
	require.EqualValues(t, 10, rateAt(t, p, 60, 600))
	require.Len(t, fieldsOf(logs, "Cannot write the rate state; rates go on, but a crash before it works again may make some of them wrong", "error"), 1)
	d.full = false
	written, err := p.keeper.Save(t.Context())
	require.NoError(t, err)
	p.saved(t.Context(), written, err)
	require.Len(t, fieldsOf(logs, "The rate state can be written again", "storage"), 1)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, host.reports)
}

// reportedHost notes what is reported to it.
type reportedHost struct {
	component.Host
	reports []componentstatus.Status
}

func (h *reportedHost) Report(e *componentstatus.Event) { h.reports = append(h.reports, e.Status()) }

func TestStateTelemetry(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.WithoutCancel(t.Context()))) })
	d := newDisk()
	p, _ := onDisk(t, tel.NewTelemetrySettings())
	require.NoError(t, p.Start(t.Context(), hostOf{storageID: d}))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	rateAt(t, p, 0, 0)
	written, err := p.keeper.Save(t.Context())
	require.NoError(t, err)
	require.Positive(t, written)
	p.saved(t.Context(), written, nil)
	d.full = true
	rateAt(t, p, 60, 600) // and the storage is not told that what it has is out of date
	d.full = false
	metadatatest.AssertEqualPanoptesRateStateWritten(t, tel, []metricdata.DataPoint[int64]{{Value: int64(written)}},
		metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualPanoptesRateStateFailures(t, tel, []metricdata.DataPoint[int64]{{Value: 1}},
		metricdatatest.IgnoreTimestamp())
}
