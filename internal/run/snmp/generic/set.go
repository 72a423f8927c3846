package generic

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// set is the groups of a poll, of which those that say the same are there once. Panoptes' set (pluginsdk) compares them
// whatever the order of their parts. Here that is the same in all groups of one group of the configuration, and the set
// does with less; where two groups of the configuration share a name it takes Panoptes' set.
type set struct {
	groups []*pluginsdk.MetricsGroup
	seen   map[[2]uint64]struct{} // hashes, so long that no two groups are ever seen to share one
	key    []byte
	shared *pluginsdk.MetricsGroupSet // nil where each name is there once
}

func newSet(c *Configuration) *set {
	s := &set{seen: map[[2]uint64]struct{}{}}
	names := map[string]bool{}
	for i := range c.groups {
		if names[c.groups[i].name] {
			s.shared = pluginsdk.NewMetricsGroupSet()
		}
		names[c.groups[i].name] = true
	}
	return s
}

func (s *set) add(g *pluginsdk.MetricsGroup) {
	if s.shared != nil {
		if s.shared.Add(g) {
			s.groups = append(s.groups, g)
		}
		return
	}
	metrics := g.Metrics()
	b := binary.AppendUvarint(s.key[:0], uint64(len(metrics)))
	if len(metrics) > 0 { // groups without metrics are equal whatever their type
		b = appendText(b, g.Type)
	}
	for i := range metrics {
		m := &metrics[i]
		b = append(appendText(b, m.Name), byte(m.Type))
		b = append(m.Value.Append(b), 0)
	}
	for _, d := range g.Dimensions() {
		b = appendText(appendText(b, d.Name), d.Value)
	}
	s.key = b
	hash := [2]uint64{maphash.Bytes(seeds[0], b), maphash.Bytes(seeds[1], b)}
	if _, there := s.seen[hash]; there {
		return
	}
	s.seen[hash] = struct{}{}
	s.groups = append(s.groups, g)
}

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// appendText appends a text so that where it ends is clear.
func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
