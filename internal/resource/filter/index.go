package filter

import (
	"slices"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Index answers which resources of a list pass a filter without looking at all of them: a filter that asks for
// resource_class = "network" is held against the resources of that class alone. What it knows of a field it gathers when
// a filter first asks for it. Not safe for concurrent use; the list must not change.
type Index struct {
	list   []*pluginsdk.Resource
	fields [len(fieldNames)]map[string][]int32
	keys   map[string]map[string][]int32 // of metadata, by the key in lower case
}

// NewIndex returns an index of a list, which may have nils.
func NewIndex(list []*pluginsdk.Resource) *Index {
	return &Index{list: list, keys: map[string]map[string][]int32{}}
}

// Select returns the places of the resources that pass at least one of the filters, in order.
func (x *Index) Select(filters ...*Filter) []int {
	seen := map[int]struct{}{}
	var out []int
	for n, f := range filters {
		match := func(i int) {
			if x.list[i] == nil || !f.Match(x.list[i]) {
				return
			}
			if len(filters) > 1 {
				if _, ok := seen[i]; ok {
					return
				}
				seen[i] = struct{}{}
			}
			out = append(out, i)
		}
		if cover, _, ok := x.cover(&filters[n].root); ok {
			for _, i := range cover.places(x) {
				match(int(i))
			}
			continue
		}
		for i := range x.list {
			match(i)
		}
	}
	if len(filters) > 1 {
		slices.Sort(out)
	}
	return out
}

// cover is a set of equalities of which a resource must satisfy one to pass a filter.
type cover []*condition

// places are the places of all resources that satisfy one of the equalities, in order.
func (c cover) places(x *Index) []int32 {
	var lists [][]int32
	for _, equality := range c {
		postings := x.postings(equality)
		for _, v := range equality.values {
			if list := postings[v]; len(list) > 0 {
				lists = append(lists, list)
			}
		}
	}
	if len(lists) == 1 {
		return lists[0]
	}
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// cover finds the equalities that leave the fewest resources, and how many these are at most.
func (x *Index) cover(n *node) (best cover, size int, ok bool) {
	switch n.op {
	case opCondition:
		c := &n.condition
		if c.negated || c.compare == compareLike {
			return nil, 0, false
		}
		postings := x.postings(c)
		for _, v := range c.values {
			size += len(postings[v])
		}
		return cover{c}, size, true
	case opAnd:
		for i := range n.kids {
			if kid, n, has := x.cover(&n.kids[i]); has && (!ok || n < size) {
				best, size, ok = kid, n, true
			}
		}
		return best, size, ok
	case opOr:
		for i := range n.kids {
			kid, n, has := x.cover(&n.kids[i])
			if !has {
				return nil, 0, false
			}
			best, size = append(best, kid...), size+n
		}
		return best, size, true
	}
	return nil, 0, false
}

// postings are the places of resources by the value of what the condition looks at.
func (x *Index) postings(c *condition) map[string][]int32 {
	at := &x.fields[min(int(c.field), len(x.fields)-1)]
	if c.field == fieldMetadata {
		m := x.keys[c.key]
		at = &m
	}
	if *at != nil {
		return *at
	}
	postings := map[string][]int32{}
	for i, r := range x.list {
		if r == nil {
			continue
		}
		if c.field != fieldMetadata {
			v := fieldValue(r, c.field)
			postings[v] = append(postings[v], int32(i))
			continue
		}
		for _, e := range r.Metadata {
			if !equalFoldASCII(e.Key, c.key) {
				continue
			}
			// Two keys that differ in case alone may have one value.
			if list := postings[e.Value]; len(list) == 0 || list[len(list)-1] != int32(i) {
				postings[e.Value] = append(list, int32(i))
			}
		}
	}
	*at = postings
	if c.field == fieldMetadata {
		x.keys[c.key] = postings
	}
	return postings
}
