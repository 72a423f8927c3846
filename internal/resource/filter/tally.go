package filter

import (
	"fmt"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Tally counts which resources match, and which clause leaves out most of the others. Its zero value is empty; it is not
// safe for concurrent use.
type Tally struct {
	// Matching is how many matched, All how many there were.
	Matching, All int

	out     map[string]int    // how many a clause leaves out
	example map[string]string // one of them
	most    string
}

// Match says whether r matches f, and counts it. A nil f lets all in.
func (t *Tally) Match(f *Filter, r *pluginsdk.Resource) bool {
	t.All++
	if f == nil || f.Match(r) {
		t.Matching++
		return true
	}
	if t.out == nil {
		t.out, t.example = map[string]int{}, map[string]string{}
	}
	clause, has := f.Failing(r)
	if t.out[clause]++; t.out[clause] > t.out[t.most] {
		t.most = clause
	}
	if t.example[clause] == "" {
		t.example[clause] = strings.TrimSuffix(r.ID+": "+has, ": ")
	}
	return false
}

// String says how many of how many match, and which clause leaves out most, with an example.
func (t *Tally) String() string {
	said := fmt.Sprintf("%d of %d match", t.Matching, t.All)
	if t.most != "" {
		said += fmt.Sprintf("; %s leaves out %d, such as %s", t.most, t.out[t.most], t.example[t.most])
	}
	return said
}
