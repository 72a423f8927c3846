package filter

import "github.com/panoptes-otel/panoptes-otel/pluginsdk"

// Failing explains why r does not match: the first clause of the outermost AND that does not hold, in canonical form,
// and, where that is a single condition, what r has instead. Both are "" where r matches.
func (f *Filter) Failing(r *pluginsdk.Resource) (clause, has string) {
	n := &f.root
	if n.match(r) {
		return "", ""
	}
	for n.op == opAnd {
		for i := range n.kids {
			if !n.kids[i].match(r) {
				n = &n.kids[i]
				break
			}
		}
	}
	clause = string(n.appendText(nil))
	if n.op != opCondition {
		return clause, ""
	}
	return clause, n.condition.has(r)
}

// has says what r has in the place that the condition looks at.
func (c *condition) has(r *pluginsdk.Resource) string {
	if c.field != fieldMetadata {
		return fieldNames[c.field] + " is " + string(appendQuoted(nil, fieldValue(r, c.field)))
	}
	has := ""
	for _, e := range r.Metadata {
		if !equalFoldASCII(e.Key, c.key) {
			continue
		}
		if has != "" {
			has += ", "
		}
		has += metadataField + "." + e.Key + " is " + string(appendQuoted(nil, e.Value))
	}
	if has == "" {
		has = "there is no " + metadataField + "." + c.key
	}
	return has
}
