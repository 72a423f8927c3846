package panoptesrateprocessor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadatatest"
)

var shardsID = component.MustNewID("panoptes_shards")

// fleet is a membership that a test plays. It owns nothing by itself.
type fleet struct {
	component.StartFunc
	component.ShutdownFunc
	count int
	seed  *[16]byte
	part  shard.Part
	full  error
	left  bool
}

func (f *fleet) Count() int              { return f.count }
func (f *fleet) Owns(int) (uint64, bool) { return 0, false }
func (f *fleet) Holds(int, uint64) bool  { return false }
func (f *fleet) Announce(string, string) {}

func (f *fleet) Join(p shard.Part) (func(), error) {
	f.part = p
	return func() { f.left = true }, f.full
}

func (f *fleet) Seed() (seed [16]byte, ok bool) {
	if f.seed == nil {
		return seed, false
	}
	return *f.seed, true
}

// member starts a processor that is a part of a fleet.
func member(t *testing.T, f *fleet, d *disk, tel component.TelemetrySettings) *rateProcessor {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Sharding = &shardsID
	h := hostOf{shardsID: f}
	if d != nil {
		cfg.Storage = &storageID
		h[storageID] = d
	}
	p, err := createMetrics(t.Context(), processor.Settings{ID: rateID, TelemetrySettings: tel}, cfg, &consumertest.MetricsSink{})
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), h))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	return p.(*rateProcessor)
}

func newFleet() *fleet { return &fleet{count: 256, seed: &[16]byte{1, 2, 3}} }

var nop = componenttest.NewNopTelemetrySettings()

// sw1 is the shard of the resource that the tests have.
var sw1 = shard.Of("sw1", 256)

func (f *fleet) take(t *testing.T, state []byte, last, tenure string) int {
	t.Helper()
	n, err := f.part.Import(shard.Taken{Shard: sw1, State: state, Last: last, Tenure: tenure})
	require.NoError(t, err)
	return n
}

func (f *fleet) export(t *testing.T, shards ...int) map[int][]byte {
	t.Helper()
	states := map[int][]byte{}
	require.NoError(t, f.part.Export(shards, func(s int, state []byte, items int) {
		states[s] = bytes.Clone(state)
		assert.Positive(t, items)
	}))
	return states
}

func TestStateMovesWithItsShard(t *testing.T) {
	t.Parallel()
	fa, fb := newFleet(), newFleet()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { assert.NoError(t, tel.Shutdown(context.Background())) })
	a, b := member(t, fa, nil, tel.NewTelemetrySettings()), member(t, fb, nil, nop)
	assert.Equal(t, "processor/panoptes_rate/x", fa.part.Name)

	require.EqualValues(t, -1, rateAt(t, a, 0, 0), "the shard is not here")
	require.EqualValues(t, -1, rateAt(t, a, 60, 600), "and leaves nothing here")
	require.Zero(t, a.state.Len())
	metadatatest.AssertEqualPanoptesRatesSkipped(t, tel, []metricdata.DataPoint[int64]{{
		Value:      2,
		Attributes: attribute.NewSet(attribute.String("plugin", "test_plugin"), attribute.String("reason", "moved")),
	}}, metricdatatest.IgnoreTimestamp())

	fa.take(t, nil, "", "a-1")
	require.EqualValues(t, -1, rateAt(t, a, 120, 1200))
	require.EqualValues(t, 10, rateAt(t, a, 180, 1800))
	states := fa.export(t, sw1, 0)
	require.Len(t, states, 1)
	fa.part.Drop([]int{sw1, 0})
	require.Zero(t, a.state.Len())

	require.Equal(t, 1, fb.take(t, states[sw1], "a-1", "b-1"))
	require.EqualValues(t, 20, rateAt(t, b, 240, 3000), "no rate is missing")

	fa.take(t, nil, "b-1", "a-2") // after a crash
	require.EqualValues(t, -1, rateAt(t, a, 300, 4200), "what it had in another tenure is forgotten")
	require.EqualValues(t, 10, rateAt(t, a, 360, 4800))
	fa.take(t, nil, "a-2", "a-3")
	require.EqualValues(t, 10, rateAt(t, a, 420, 5400), "nobody else owned the shard meanwhile")
	fa.take(t, nil, "c-1", "a-4")
	require.EqualValues(t, -1, rateAt(t, a, 480, 6000), "somebody did")
	require.NoError(t, a.Shutdown(t.Context()))
	assert.True(t, fa.left)
}

func TestStateThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	fa, fb := newFleet(), &fleet{count: 256, seed: &[16]byte{9}}
	a, b := member(t, fa, nil, nop), member(t, fb, nil, nop)
	fa.take(t, nil, "", "a-1")
	rateAt(t, a, 0, 0)
	state := fa.export(t, sw1)[sw1]
	_, err := fb.part.Import(shard.Taken{Shard: sw1, State: state, Last: "a-1", Tenure: "b-1"})
	require.ErrorContains(t, err, "another seed")
	require.EqualValues(t, -1, rateAt(t, b, 60, 600), "it begins anew")
	require.EqualValues(t, 10, rateAt(t, b, 120, 1200), "the shard is owned all the same")
	_, err = fa.part.Import(shard.Taken{Shard: sw1, State: state[:len(state)-3], Last: "a-1", Tenure: "a-2"})
	require.ErrorContains(t, err, "cut off")
	assert.Zero(t, a.state.Len())
}

// TestOtherResourcesStay: what is no Panoptes resource has no shard.
func TestOtherResourcesStay(t *testing.T) {
	t.Parallel()
	f := newFleet()
	p := member(t, f, nil, nop)
	send := func(seconds float64, value int64) float64 {
		md := octetsAt(t, seconds, value)
		md.ResourceMetrics().At(0).Resource().Attributes().Remove(attrs.ResourceID)
		metrics := process(t, p, md).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		if metrics.Len() < 2 {
			return -1
		}
		return metrics.At(1).Gauge().DataPoints().At(0).DoubleValue()
	}
	all := make([]int, f.count)
	for s := range all {
		all[s] = s
	}
	require.EqualValues(t, -1, send(0, 0))
	assert.Empty(t, f.export(t, all...))
	f.part.Drop(all)
	require.EqualValues(t, 10, send(60, 600))
}

func TestStorageOfAShard(t *testing.T) {
	t.Parallel()
	d, f := newDisk(), newFleet()
	p := member(t, f, d, nop)
	f.take(t, nil, "", "a-1")
	rateAt(t, p, 0, 0)
	require.NoError(t, p.Shutdown(t.Context()))
	copied := func() *disk {
		c := newDisk()
		for name, data := range d.storages {
			c.storages[name] = maps.Clone(data)
		}
		return c
	}
	for name, tt := range map[string]struct {
		last  string
		state bool
		fleet *fleet
		want  float64
	}{
		"nobody else owned it":     {last: "a-1", fleet: newFleet(), want: 10},
		"somebody did":             {last: "b-1", fleet: newFleet(), want: -1},
		"nothing is known of it":   {last: "", fleet: newFleet(), want: -1},
		"another group":            {last: "a-1", fleet: &fleet{count: 256, seed: &[16]byte{7}}, want: -1},
		"fixed shares":             {last: "a-1", fleet: &fleet{count: 256}, want: 10},
		"another number of shards": {last: "a-1", fleet: &fleet{count: 1024, seed: newFleet().seed}, want: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, f := copied(), tt.fleet
			p := member(t, f, d, nop)
			require.EqualValues(t, -1, rateAt(t, p, 30, 1), "the shard is not here")
			_, err := f.part.Import(shard.Taken{Shard: shard.Of("sw1", f.count), Last: tt.last, Tenure: "a-2"})
			require.NoError(t, err)
			require.EqualValues(t, tt.want, rateAt(t, p, 60, 600))
			require.EqualValues(t, 10, rateAt(t, p, 120, 1200))
		})
	}
	t.Run("it was dropped", func(t *testing.T) {
		t.Parallel()
		d, f := copied(), newFleet()
		member(t, f, d, nop)
		f.part.Drop([]int{sw1})
		killed := newDisk()
		d.mu.Lock()
		for name, data := range d.storages {
			killed.storages[name] = maps.Clone(data)
		}
		d.mu.Unlock()
		again := newFleet()
		p := member(t, again, killed, nop)
		again.take(t, nil, "a-1", "a-2")
		require.EqualValues(t, -1, rateAt(t, p, 60, 600), "the storage has forgotten it")
	})
	t.Run("it was not shared before", func(t *testing.T) {
		t.Parallel()
		d := newDisk()
		p, _ := startOn(t, d)
		rateAt(t, p, 0, 0)
		require.NoError(t, p.Shutdown(t.Context()))
		f := &fleet{count: 256}
		p = member(t, f, d, nop)
		require.Zero(t, p.state.Len())
		f.take(t, nil, "static", "static")
		require.EqualValues(t, -1, rateAt(t, p, 60, 600))
	})
}

func TestShardingThatIsNone(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.Sharding = &shardsID
	p, _ := newTestProcessor(t, nop, cfg)
	require.ErrorContains(t, p.Start(t.Context(), hostOf{}), `sharding: there is no extension "panoptes_shards"`)
	p, _ = newTestProcessor(t, nop, cfg)
	require.ErrorContains(t, p.Start(t.Context(), hostOf{shardsID: &fleet{count: 1 << 16}}), "sharding: 65536 shards are more than")
	p, _ = newTestProcessor(t, nop, cfg)
	full := errors.New("joins twice")
	require.ErrorIs(t, p.Start(t.Context(), hostOf{shardsID: &fleet{count: 2, full: full}}), full)
}

// TestMovesWhileDataPass: shards come and go, and the seed becomes known, while data of many resources pass.
func TestMovesWhileDataPass(t *testing.T) {
	t.Parallel()
	f := &fleet{count: 8}
	p := member(t, f, newDisk(), nop)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for range 2 {
		senders.Go(func() {
			for n := int64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				assert.NoError(t, p.ConsumeMetrics(t.Context(), octetsAt(t, float64(n), n)))
			}
		})
	}
	for i := range 200 {
		if i == 100 {
			f.seed = &[16]byte{5}
		}
		s := shard.Of("sw1", 8)
		_, err := f.part.Import(shard.Taken{Shard: s, Tenure: fmt.Sprint(i)})
		require.NoError(t, err)
		states := map[int][]byte{}
		require.NoError(t, f.part.Export([]int{s}, func(s int, state []byte, _ int) { states[s] = bytes.Clone(state) }))
		f.part.Drop([]int{s})
	}
	close(stop)
	senders.Wait()
}
