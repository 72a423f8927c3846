package panoptesreceiver

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// disk is a storage extension in memory, which outlives its clients.
type disk struct {
	component.StartFunc
	component.ShutdownFunc

	mu   sync.Mutex
	data map[string][]byte
	full bool
	// damaged keeps it from being opened.
	damaged error
	torn    bool // reading panics
	spare   *disk
}

var (
	diskID   = component.MustNewID("test_disk")
	errNoUse = errors.New("no space left on device")
)

func (d *disk) GetClient(_ context.Context, _ component.Kind, _ component.ID, name string) (storage.Client, error) {
	if name != "" && d.spare != nil {
		return d.spare, nil
	}
	return d, d.damaged
}

func (d *disk) Get(_ context.Context, key string) ([]byte, error) {
	if d.torn {
		panic("page 3: multiple references")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.data[key], nil
}

func (d *disk) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}

func (d *disk) Delete(ctx context.Context, key string) error {
	return d.Batch(ctx, storage.DeleteOperation(key))
}

func (d *disk) Batch(_ context.Context, ops ...*storage.Operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, op := range ops {
		switch {
		case op.Type == storage.Get:
			op.Value = d.data[op.Key]
		case d.full:
			return errNoUse
		case op.Type == storage.Set:
			d.data[op.Key] = op.Value
		default:
			delete(d.data, op.Key)
		}
	}
	return nil
}

func (d *disk) Close(context.Context) error { return nil }

// store gives the receiver of a bench a storage.
func (b *bench) store(d *disk) {
	b.extensions = map[component.ID]component.Component{diskID: d}
	b.cfg.Storage = &diskID
}

func (b *bench) stop() { require.NoError(b.t, b.receiver.Shutdown(context.Background())) }

const countsRuns = `
        count = int(context.kv.get('count') or 0) + 1
        context.kv.set('count', str(count))
        group.add_metric(PanoptesMetric('m', count, PanoptesMetricType.GAUGE))
        return groups
`

// TestStateSurvivesARestart: keys, enrichment and the times resources were seen first are there after a restart.
func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	d := &disk{data: map[string][]byte{}}
	b := newBench(t)
	b.store(d)
	b.python("counts", module(countsRuns))
	b.write("plugins/knows.py", enrichmentModule)
	b.write("plugins/knows.panoptes-plugin", conf("knows", "knows")+"enrichment_ttl = 300\n")
	b.start()
	b.until("the third run", func(p point) bool { return p.value >= 3 })
	require.Eventually(t, func() bool { return b.sum("panoptes_enrichment_groups") > 0 }, patience, 10*time.Millisecond)
	b.stop()

	next := newBench(t)
	next.store(d)
	// The resource says that it is a new one, and nothing finds enrichment out any more.
	next.write("resources/one.json", `[`+resourceWith("localhost", `"resource_creation_timestamp":1700000000.25`)+`]`)
	next.python("counts", module(countsRuns))
	next.write("plugins/reads.py", module(readsEnrichment))
	next.write("plugins/reads.panoptes-plugin", conf("reads", "reads")+"[enrichment]\npreload = self:ports\n")
	next.start()
	p := next.until("a run that goes on counting", func(p point) bool { return p.scope == "panoptes/counts" })
	assert.GreaterOrEqual(t, p.value, 4.0)
	assert.InDelta(t, 1512629517.03121, p.attributes["panoptes.resource.creation_timestamp"], 1e-5)
	next.until("the enrichment", func(p point) bool { return p.scope == "panoptes/reads" && p.value == 42 })
}

func TestStorageThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ext  component.Component
		err  string
	}{
		{"absent", nil, `storage: extension "test_disk" is not among the extensions of the service`},
		{"none", struct {
			component.StartFunc
			component.ShutdownFunc
		}{}, `storage: extension "test_disk" is no storage`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.cfg.Storage = &diskID
			if c.ext != nil {
				b.extensions = map[component.ID]component.Component{diskID: c.ext}
			}
			r := b.create()
			require.EqualError(t, r.Start(t.Context(), b), c.err)
			require.NoError(t, r.Shutdown(t.Context()))
		})
	}
}

// TestDamagedStorage: the receiver starts all the same, and keeps its state in a spare storage until the damaged one is gone.
func TestDamagedStorage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*disk){
		"does not open": func(d *disk) { d.damaged = errors.New("open: invalid database") },
		"panics":        func(d *disk) { d.torn = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &disk{data: map[string][]byte{"index": []byte(`{"version":1}`)}, spare: &disk{data: map[string][]byte{}}}
			damage(d)
			before := maps.Clone(d.data)
			for _, least := range []float64{1, 4} {
				b := newBench(t)
				b.store(d)
				b.python("counts", module(countsRuns))
				b.start()
				first := b.until("a run", func(point) bool { return true })
				assert.GreaterOrEqual(t, first.value, least, "the spare one keeps it")
				b.until("three runs", func(p point) bool { return p.value >= first.value+2 })
				assert.EqualValues(t, 1, b.sum("panoptes_damaged_storages"))
				b.stop()
			}
			assert.Equal(t, before, d.data, "it is left as it is")
			// A new one in its place: the spare one is out of date.
			d.damaged, d.torn, d.data = nil, false, map[string][]byte{}
			b := newBench(t)
			b.store(d)
			b.python("counts", module(countsRuns))
			b.start()
			b.until("the first run", func(p point) bool { return p.value == 1 })
			b.stop()
			assert.NotContains(t, d.spare.data, "index")
		})
	}
}

// TestStorageThatIsFullOrDamaged costs the state, and nothing else.
func TestStorageThatIsFullOrDamaged(t *testing.T) {
	t.Parallel()
	d := &disk{data: map[string][]byte{"index": []byte("{")}}
	b := newBench(t)
	b.store(d)
	b.python("counts", module(countsRuns))
	b.start()
	b.line("Cannot use some of the stored state", "put aside")
	b.until("a run", func(p point) bool { return p.value == 1 })
	d.mu.Lock()
	d.full = true
	before := maps.Clone(d.data)
	d.mu.Unlock()
	b.stop()
	b.line("Cannot write the state of plugins", "no space left")
	assert.Equal(t, before, d.data)
}

var _ storage.Extension = (*disk)(nil)
