// Package resourcefilter is the language in which a plugin says which resources it runs against
// (docs/panoptes/resource-filter.md). It follows the meaning intended there: AND binds tighter than OR, eq and ne are
// other names of = and !=, and a quoted value is always a literal. Parentheses and prefix NOT, which is the plain
// complement, are extensions of ours. Where Panoptes would have read a filter otherwise, the filter carries a warning.
package filter
