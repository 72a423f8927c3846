package filter

import (
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Fit sets those fields of r that the filter asks to be equal or like something, and says whether r passes it then. Fields
// that the filter does not ask for, and what it only excludes, stay as they are.
func (f *Filter) Fit(r *pluginsdk.Resource) bool {
	f.root.fit(r)
	return f.root.match(r)
}

func (n *node) fit(r *pluginsdk.Resource) {
	switch {
	case n.match(r):
	case n.op == opAnd:
		for i := range n.kids {
			n.kids[i].fit(r)
		}
	case n.op == opOr:
		n.kids[0].fit(r)
	case n.op == opCondition && !n.negated && len(n.values) > 0:
		n.condition.fit(r)
	}
}

func (c *condition) fit(r *pluginsdk.Resource) {
	value := c.values[0]
	if c.compare == compareLike {
		value = strings.NewReplacer("%", "", "_", "x").Replace(value)
	}
	switch c.field {
	case 0:
		r.Site = value
	case 1:
		r.Class = value
	case 2:
		r.Subclass = value
	case 3:
		r.Type = value
	case fieldMetadata:
		r.Metadata = r.Metadata.Set(c.key, value)
	}
	// The id and the endpoint are what somebody said.
}
