package panoptesrateprocessor

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// sharding is the processor's part in a fleet that several Collectors share. The state of each shard is here while its owner
// is, and nowhere else: it comes with the shard and goes with it. The zero value is that of a processor that keeps all.
//
// The membership calls its functions one at a time. What they share with ConsumeMetrics is held, and what using guards.
type sharding struct {
	id         *component.ID // of the extension
	membership shard.Membership
	leave      func()
	// held says of which shards the state is here.
	held []atomic.Bool
	// using is held by calls of ConsumeMetrics while they use the state's keys, and by a change of the seed for itself.
	using sync.RWMutex
	// tenures are those in which the state of each held shard was begun or taken over; the storage has them as the state's
	// label.
	tenures map[int]string
}

// label is what is kept beside the state: what it is the state of.
type label struct {
	Shards  int            `json:"shards"`
	Tenures map[int]string `json:"tenures"`
}

// settleFor bounds how long the storage may take to forget a shard.
const settleFor = 5 * time.Second

// join makes the processor a part of its membership. restored is the label of the state in the storage; all of a state that
// has none, or one of other shards, is forgotten.
func (p *rateProcessor) join(ctx context.Context, host component.Host, restored []byte) (err error) {
	if p.sharding.id == nil {
		return nil
	}
	s := &p.sharding
	if s.membership, err = shard.Find(host, *s.id); err != nil {
		return err
	}
	n := s.membership.Count()
	if n > ratestate.NoPart {
		return fmt.Errorf("sharding: %d shards are more than the %d that can be told apart", n, ratestate.NoPart)
	}
	s.held = make([]atomic.Bool, n)
	var l label
	if len(restored) > 0 && json.Unmarshal(restored, &l) == nil && l.Shards == n {
		s.tenures = l.Tenures
	} else if p.state.Len() > 0 {
		if err := p.reseed(ctx, p.state.Seed()); err != nil {
			return err
		}
	}
	if s.tenures == nil {
		s.tenures = map[int]string{}
	}
	s.leave, err = s.membership.Join(shard.Part{
		Name: "processor/" + p.id.String(), Export: p.exportShards, Import: p.importShard, Drop: p.dropShards,
	})
	return err
}

// quit ends the membership.
func (p *rateProcessor) quit() {
	if p.sharding.leave != nil {
		p.sharding.leave()
	}
}

// placeOf says in which part of the state the series of a resource are, and whether that is here. Resources that are no
// Panoptes resources stay.
func (s *sharding) placeOf(resource pcommon.Map) (part uint16, here bool) {
	if s.membership == nil {
		return 0, true
	}
	id, ok := resource.Get(attrs.ResourceID)
	if !ok {
		return ratestate.NoPart, true
	}
	n := shard.Of(id.AsString(), len(s.held))
	return uint16(n), s.held[n].Load()
}

// in makes a key one of the part where the series is.
func (c *pass) in(k ratestate.Key) ratestate.Key {
	if c.sharding.membership == nil {
		return k
	}
	return k.In(c.place)
}

func (p *rateProcessor) exportShards(shards []int, write func(shard int, state []byte, items int)) error {
	p.state.Export(shards, write)
	return nil
}

// importShard takes over a shard's state, goes on with that of the storage, or forgets it.
func (p *rateProcessor) importShard(t shard.Taken) (series int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), settleFor)
	defer cancel()
	if err := p.adoptSeed(ctx); err != nil {
		return 0, err
	}
	s := &p.sharding
	if tenure, known := s.tenures[t.Shard]; known && (t.State != nil || t.Last != tenure) {
		p.state.Forget([]int{t.Shard})
	}
	if t.State != nil {
		var in ratestate.Imported
		in, err = p.state.Import(t.State)
		series = in.Taken
		if in.Evicted > 0 {
			p.telemetry.PanoptesRateSeriesEvicted.Add(ctx, int64(in.Evicted))
		}
		if err != nil { // half a state is none
			p.state.Forget([]int{t.Shard})
			series = 0
		}
	}
	s.tenures[t.Shard] = t.Tenure
	p.relabel(ctx)
	s.held[t.Shard].Store(true)
	return series, err
}

func (p *rateProcessor) dropShards(shards []int) {
	s := &p.sharding
	for _, n := range shards {
		s.held[n].Store(false)
		delete(s.tenures, n)
	}
	p.state.Forget(shards)
	ctx, cancel := context.WithTimeout(context.Background(), settleFor)
	defer cancel()
	p.relabel(ctx)
}

// relabel tells the storage of which shards the state is, together with what of it no longer counts.
func (p *rateProcessor) relabel(ctx context.Context) {
	if p.keeper == nil {
		return
	}
	text, _ := json.Marshal(label{Shards: len(p.sharding.held), Tenures: maps.Clone(p.sharding.tenures)}) // it can be marshalled
	p.keeper.SetLabel(text)
	p.settle(ctx)
}

// adoptSeed makes the keys of this state those of all members, as soon as they are known. Series of other keys are forgotten.
func (p *rateProcessor) adoptSeed(ctx context.Context) error {
	seed, ok := p.sharding.membership.Seed()
	if !ok {
		return nil
	}
	key := ratestate.Key{A: binary.LittleEndian.Uint64(seed[:]), B: binary.LittleEndian.Uint64(seed[8:])}
	if key == p.state.Seed() {
		return nil
	}
	if n := p.state.Len(); n > 0 {
		p.logger.Info("The fleet has other keys than the rate state; all series begin anew", zap.Int("series", n))
	}
	clear(p.sharding.tenures)
	return p.reseed(ctx, key)
}

// reseed forgets all series.
func (p *rateProcessor) reseed(ctx context.Context, seed ratestate.Key) (err error) {
	p.sharding.using.Lock()
	defer p.sharding.using.Unlock()
	if p.keeper != nil {
		err = p.keeper.Reseed(ctx, seed)
	} else {
		p.state.Reseed(seed)
	}
	p.setHasher(p.state.Hasher())
	return err
}
