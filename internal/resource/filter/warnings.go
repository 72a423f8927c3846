package filter

import (
	"slices"
	"strings"
)

// trace keeps of a filter's text what decides how Panoptes would have read it.
type trace struct {
	extended     bool // parentheses or prefix NOT
	wordOperator bool // eq or ne
	connectives  []op // between conditions, in the order written
	conditions   []*condition
}

func (t *trace) connective(o op)        { t.connectives = append(t.connectives, o) }
func (t *trace) condition(c *condition) { t.conditions = append(t.conditions, c) }

// panoptesColumns are the columns of Panoptes' tables: it takes a value of such a name for the column.
var panoptesColumns = append(fieldNames[:], "resource_plugin", "id", "key", "value")

// warnings compares with docs/panoptes/resource-filter.md, section 4; the Q numbers are its.
func (t *trace) warnings() []string {
	var out []string
	if t.extended {
		out = append(out, "Panoptes has no parentheses and no prefix NOT: it refuses this filter")
	} else if w := t.structure(); w != "" {
		out = append(out, w)
	}
	if t.wordOperator { // Q1
		out = append(out, "eq and ne are read as = and !=; Panoptes fails on them")
	}
	for _, c := range t.conditions {
		for _, v := range c.values {
			switch {
			case slices.Contains(panoptesColumns, asciiLower(v)): // Q6
				out = append(out, `the value "`+v+`" is read as text; Panoptes takes it for the column of that name`)
			case strings.Contains(v, `"`): // Q7
				out = append(out, "a value contains a double quote; Panoptes fails on it or matches something else")
			}
		}
	}
	return slices.Compact(out)
}

// structure finds the filters whose connectives Panoptes joins otherwise: it builds one SQL query from the conditions on
// fields and the first one on metadata, then adds and cuts out what the later ones on metadata select.
func (t *trace) structure() string {
	first := slices.IndexFunc(t.conditions, func(c *condition) bool { return c.field == fieldMetadata })
	switch {
	case first < 0:
		return ""
	case first == 0: // Q3
		return "the filter begins with a condition on metadata; Panoptes fails on it"
	}
	var later struct{ or, and, fieldAfterOr bool }
	for i, o := range t.connectives {
		if t.conditions[i+1].field != fieldMetadata {
			if o == opOr { // Q4
				return "OR before a condition on a field is kept apart from the metadata; Panoptes would select every resource as soon as its left side matches one"
			}
			later.fieldAfterOr = later.fieldAfterOr || later.or
			continue
		}
		switch {
		case i+1 == first && o == opOr: // Q2
			return "OR before the first condition on metadata is read as OR; Panoptes reads it as AND"
		case i+1 != first && o == opOr:
			later.or = true
		case i+1 != first:
			later.and = true
		}
	}
	if later.or && (later.and || later.fieldAfterOr) { // Q5
		return "AND binds tighter than OR; Panoptes joins the later conditions on metadata in another order"
	}
	return ""
}
