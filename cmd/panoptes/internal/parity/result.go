package parity

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Result is what a comparison came to.
type Result struct {
	// Share of the groups that agree, of Compared, OnlyA and OnlyB; 0 where there are none.
	Share float64 `json:"share"`
	// Compared is how many pairs of groups there were, Agree in how many of them all was the same.
	Compared int `json:"compared"`
	Agree    int `json:"agree"`
	// OnlyA and OnlyB count groups whose partner is missing, except those at the ends of what both sides have.
	OnlyA int `json:"only_a"`
	OnlyB int `json:"only_b"`
	// Uncompared counts groups beyond the bounds of memory, or without a time.
	Uncompared int `json:"uncompared"`
	// Repeated counts groups that came twice.
	Repeated int `json:"repeated"`
	// Groups and Series are those of A and B.
	Groups [2]int `json:"groups"`
	Series [2]int `json:"series"`
	// Resources counts the resources of both sides, and those of one of them.
	Resources Resources `json:"resources"`
	// Differences are the first ones, each once a series.
	Differences []Difference `json:"differences"`
}

// Resources counts resources.
type Resources struct {
	Both  int `json:"both"`
	OnlyA int `json:"only_a"`
	OnlyB int `json:"only_b"`
}

// Difference is what differs between two groups, or that one is missing.
type Difference struct {
	// Time is that of B's group, or of the only one.
	Time time.Time `json:"time"`
	// Series is site, class, subclass, type, id, group type and dimensions.
	Series string `json:"series"`
	// What is "group", "key", "partition", "interval", or a metric with its kind.
	What string `json:"what"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Total is the number of groups of which Share is a share.
func (r *Result) Total() int { return r.Compared + r.OnlyA + r.OnlyB }

// differ keeps the first differences by time, each once a series: partitions are read at different speeds.
func (r *Result) differ(most int, d Difference) {
	same := slices.IndexFunc(r.Differences, func(o Difference) bool {
		return o.Series == d.Series && o.What == d.What && (o.What != "group" || o.A == d.A)
	})
	if same >= 0 {
		if d.compare(r.Differences[same]) >= 0 {
			return
		}
		r.Differences = slices.Delete(r.Differences, same, same+1)
	}
	i, _ := slices.BinarySearchFunc(r.Differences, d, Difference.compare)
	r.Differences = slices.Insert(r.Differences, i, d)
	r.Differences = r.Differences[:min(len(r.Differences), most)]
}

func (d Difference) compare(o Difference) int {
	return cmp.Or(d.Time.Compare(o.Time), strings.Compare(d.Series, o.Series), strings.Compare(d.What, o.What))
}
