// Package parts calls the parts of a membership: one function at a time, those that bring data in first where shards are
// given and last where they are taken.
//
// The list of parts and the calls have a lock each. The lock of the calls is held while a part's function runs, and
// nothing that holds another lock waits for it.
package parts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/handover"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// Parts are those of one membership. The zero value has none. They are safe for concurrent use.
type Parts struct {
	list struct {
		sync.Mutex
		begun bool
		parts []*shard.Part // sources first
	}
	calls sync.Mutex
}

// Join adds a part, until leave is called.
func (p *Parts) Join(part shard.Part) (leave func(), err error) {
	p.list.Lock()
	defer p.list.Unlock()
	switch {
	case part.Name == "":
		return nil, errors.New("a part of a sharding needs a name")
	case p.list.begun:
		return nil, fmt.Errorf("%s joins a sharding that has begun already", part.Name)
	}
	for _, other := range p.list.parts {
		if other.Name == part.Name {
			return nil, fmt.Errorf("%s joins a sharding twice", part.Name)
		}
	}
	own := &part
	at := len(p.list.parts)
	if part.Source {
		at = 0
	}
	p.list.parts = slices.Insert(p.list.parts, at, own)
	return func() { p.remove(own) }, nil
}

// remove takes a part off; none of its functions runs afterwards.
func (p *Parts) remove(part *shard.Part) {
	p.calls.Lock()
	defer p.calls.Unlock()
	p.list.Lock()
	defer p.list.Unlock()
	p.list.parts = slices.DeleteFunc(p.list.parts, func(o *shard.Part) bool { return o == part })
}

// Begin refuses parts that join from now on: they would not know what is owned already.
func (p *Parts) Begin() {
	p.list.Lock()
	defer p.list.Unlock()
	p.list.begun = true
}

// Ready waits until all parts are, or stop is closed, or for no longer than patience. It returns the names of those that
// are not ready.
func (p *Parts) Ready(stop <-chan struct{}, patience time.Duration) (late []string) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	over := false
	for _, part := range p.giving() {
		if part.Ready == nil {
			continue
		}
		if !over {
			select {
			case <-part.Ready:
				continue
			case <-stop:
			case <-timer.C:
			}
			over = true
		}
		select {
		case <-part.Ready:
		default:
			late = append(late, part.Name)
		}
	}
	return late
}

// giving returns the parts in the order in which they give, taking in that in which they take.
func (p *Parts) giving() []*shard.Part {
	p.list.Lock()
	defer p.list.Unlock()
	return slices.Clone(p.list.parts)
}

func (p *Parts) taking() []*shard.Part {
	parts := p.giving()
	slices.Reverse(parts)
	return parts
}

// Drain lets runs of shards end. It returns when ctx is done, at about that time.
func (p *Parts) Drain(ctx context.Context, shards []int) {
	p.calls.Lock()
	defer p.calls.Unlock()
	for _, part := range p.giving() {
		if part.Drain != nil {
			part.Drain(ctx, shards)
		}
	}
}

// Exported is what the parts keep of some shards.
type Exported struct {
	// States has the state of each shard of which there is any.
	States map[int][]byte
	Items  int
}

// Export gets what is kept of shards. What one part cannot export is missing, and the error says so.
func (p *Parts) Export(shards []int) (Exported, error) {
	p.calls.Lock()
	defer p.calls.Unlock()
	var (
		errs []error
		out  = Exported{States: map[int][]byte{}}
	)
	for _, part := range p.giving() {
		if part.Export == nil {
			continue
		}
		err := part.Export(shards, func(shard int, state []byte, items int) {
			out.States[shard] = handover.Append(out.States[shard], part.Name, state)
			out.Items += items
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("export the state of %s: %w", part.Name, err))
		}
	}
	return out, errors.Join(errs...)
}

// Import prepares all parts for a shard. Parts for which there is no usable state go on without it; the errors say which.
func (p *Parts) Import(taken shard.Taken) (items int, errs []error) {
	p.calls.Lock()
	defer p.calls.Unlock()
	states := map[string][]byte{}
	if taken.State != nil {
		sections, err := handover.Decode(taken.State)
		if err != nil {
			errs = append(errs, err)
		}
		for _, s := range sections {
			states[s.Part] = s.Data
		}
	}
	for _, part := range p.taking() {
		if part.Import == nil {
			continue
		}
		own := taken
		own.State = states[part.Name]
		delete(states, part.Name)
		n, err := part.Import(own)
		if err != nil {
			errs = append(errs, fmt.Errorf("import the state of %s: %w", part.Name, err))
		}
		items += n
	}
	for name := range states {
		errs = append(errs, fmt.Errorf("there is no %s here to take the state of one: let all members have the same configuration", name))
	}
	return items, errs
}

// Own tells the parts that shards are owned.
func (p *Parts) Own(shards []int) {
	p.calls.Lock()
	defer p.calls.Unlock()
	for _, part := range p.taking() {
		if part.Own != nil {
			part.Own(shards)
		}
	}
}

// Drop makes the parts forget shards.
func (p *Parts) Drop(shards []int) {
	p.calls.Lock()
	defer p.calls.Unlock()
	for _, part := range p.giving() {
		if part.Drop != nil {
			part.Drop(shards)
		}
	}
}
