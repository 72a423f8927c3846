package panoptesjsonexporter

import (
	"hash/maphash"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
)

const (
	// minPrimeWindow is the shortest time in which first samples are held back: first runs are spread over a minute,
	// however short their interval is, and resources that are discovered come a little later than the start.
	minPrimeWindow = time.Minute
	// maxPrimed bounds how many groups are told apart; it takes some 40 MB, for twice the longest interval. Further
	// ones are not held back.
	maxPrimed = 1 << 20
)

// priming holds back the first sample of each group that has counters and no rate yet, from the start on for one
// interval of the group. What comes later, or was taken before the start, as what waits in a queue on disk, passes. It is
// safe for concurrent use.
type priming struct {
	logger *zap.Logger
	now    func() time.Time
	limit  int

	mu   sync.Mutex
	seed maphash.Seed
	// started is when the exporter was made: earlier samples are of another life. first is when it was given metrics.
	started, first time.Time
	// seen are the groups of which a sample came, by a hash of what identifies them. A collision costs a group its
	// priming, nothing else.
	seen map[uint64]struct{}
	// until is when the last of them is through with it.
	until time.Time
	full  bool
}

func newPriming(logger *zap.Logger, now func() time.Time) *priming {
	return &priming{logger: logger, now: now, limit: maxPrimed, seed: maphash.MakeSeed(), started: now()}
}

// begin is called before each batch. It forgets the groups once all are through, and twice as long has passed: a group
// that waited for Kafka for so long is as good as new.
func (p *priming) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.first.IsZero() {
		p.first, p.until = now, now.Add(minPrimeWindow)
	}
	if p.seen != nil && now.Sub(p.until) >= p.until.Sub(p.first) {
		p.seen = nil
	}
}

// holds says whether a group is to be held back.
func (p *priming) holds(m *panoptesjson.Message) bool {
	end := p.first.Add(max(m.Interval(), minPrimeWindow))
	if at := m.Time(); at.Before(p.started.Truncate(time.Millisecond)) || !at.Before(end) {
		return false
	}
	counters, rated := m.Counters()
	if !counters {
		return false
	}
	return p.isFirst(p.identify(m), end) && !rated
}

func (p *priming) identify(m *panoptesjson.Message) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	_, _ = h.WriteString(m.Site)
	_ = h.WriteByte(0)
	_, _ = h.Write(m.Key)
	_ = h.WriteByte(0)
	_, _ = h.Write(m.PartitioningKey())
	return h.Sum64()
}

// isFirst notes a group, and says whether it was not known before.
func (p *priming) isFirst(id uint64, end time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.seen[id]; ok {
		return false
	}
	if len(p.seen) >= p.limit {
		if !p.full {
			p.full = true
			p.logger.Warn("There are more metrics groups than prime tells apart: the first messages of further ones may lack rates",
				zap.Int("max", p.limit))
		}
		return false
	}
	if p.seen == nil {
		p.seen = map[uint64]struct{}{}
	}
	p.seen[id] = struct{}{}
	if end.After(p.until) {
		p.until = end
	}
	return true
}
