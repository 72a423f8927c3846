// Package bench measures contestants side by side, prints a table and writes it as JSON.
package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// Contestant is one way to do the work that is measured.
type Contestant struct {
	Name string
	// Run does the work once: Units of it.
	Run func()
}

// Measurement is what a contestant needed.
type Measurement struct {
	Nanos  float64 // the least time for a unit
	Allocs float64 // allocations for a unit
}

// Rounds is how often each contestant has its turn. They take turns, so that a slow minute of the machine is not one
// contestant's alone, and are long enough to have their share of garbage collection.
const Rounds = 21

// turn is about how long one turn takes.
const turn = 25 * time.Millisecond

// Compare measures contestants in turns and returns the minima, in the order given.
func Compare(units int, contestants []Contestant) []Measurement {
	out := make([]Measurement, len(contestants))
	repeat := make([]int, len(contestants))
	for i, c := range contestants {
		c.Run() // buffers, pools and compiled code get ready
		start := time.Now()
		c.Run()
		repeat[i] = max(1, int(turn/max(time.Since(start), 1)))
		out[i] = Measurement{Nanos: math.Inf(1), Allocs: math.Inf(1)}
	}
	var before, after runtime.MemStats
	for range Rounds {
		for i, c := range contestants {
			runtime.GC()
			c.Run() // the collector has emptied the caches
			runtime.ReadMemStats(&before)
			start := time.Now()
			for range repeat[i] {
				c.Run()
			}
			elapsed := time.Since(start)
			runtime.ReadMemStats(&after)
			n := float64(units * repeat[i])
			out[i].Nanos = min(out[i].Nanos, float64(elapsed.Nanoseconds())/n)
			out[i].Allocs = min(out[i].Allocs, float64(after.Mallocs-before.Mallocs)/n)
		}
	}
	return out
}

// Row is one comparison. Ratio is how many times better ours is; Floor marks a peer that does less than the whole work
// and cannot be beaten by much.
type Row struct {
	Measure   string  `json:"measure"`
	Ours      float64 `json:"ours"`
	Unit      string  `json:"unit"`
	Peer      string  `json:"peer"`
	PeerValue float64 `json:"peer_value"`
	Ratio     float64 `json:"ratio"`
	Floor     bool    `json:"floor,omitempty"`
	// Required is the ratio to reach, 0 where none is.
	Required float64 `json:"required,omitempty"`
}

// Report gathers rows.
type Report struct{ Rows []Row }

// Add adds a row for which less is better.
func (r *Report) Add(row Row) {
	row.Ratio = round(row.PeerValue / row.Ours)
	row.Ours, row.PeerValue = round(row.Ours), round(row.PeerValue)
	r.Rows = append(r.Rows, row)
}

// AddRate adds a row for which more is better.
func (r *Report) AddRate(row Row) {
	row.Ratio = round(row.Ours / row.PeerValue)
	row.Ours, row.PeerValue = round(row.Ours), round(row.PeerValue)
	r.Rows = append(r.Rows, row)
}

// AddAllocs adds a row of allocations, of which there may be none: the ratio is that of limit to ours.
func (r *Report) AddAllocs(measure string, ours float64, limitName string, limit float64) {
	row := Row{Measure: measure, Ours: math.Round(ours*100) / 100, Unit: "allocs/group", Peer: limitName, PeerValue: limit, Required: 1}
	row.Ratio = 1
	if row.Ours > 0 {
		row.Ratio = round(limit / row.Ours)
	}
	r.Rows = append(r.Rows, row)
}

func round(f float64) float64 {
	if f >= 100 {
		return math.Round(f)
	}
	return math.Round(f*100) / 100
}

// Print writes the table for people.
func (r *Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "measure\tours\tunit\tpeer\tpeer's\tratio\trequired\t")
	for _, row := range r.Rows {
		required, verdict := "", ""
		if row.Required > 0 {
			required = fmt.Sprintf(">= %g", row.Required)
			if row.Ratio < row.Required {
				verdict = "missed"
			}
		}
		peer := row.Peer
		if row.Floor {
			peer += " (floor)"
		}
		fmt.Fprintf(t, "%s\t%g\t%s\t%s\t%g\t%g\t%s\t%s\n", row.Measure, row.Ours, row.Unit, peer, row.PeerValue, row.Ratio, required, verdict)
	}
	t.Flush()
}

// Write writes the rows to a file, with its folder.
func (r *Report) Write(path string) error {
	data, err := json.MarshalIndent(r.Rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// AddPaired adds a row of figures that were taken in rounds: their medians, and the median of the ratios of the rounds,
// which says more where one round of all is slower than another. less says that less is better.
func (r *Report) AddPaired(row Row, ours, peers []float64, less bool) {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / peers[i]
		if less {
			ratios[i] = 1 / ratios[i]
		}
	}
	row.Ours, row.PeerValue, row.Ratio = round(Median(ours)), round(Median(peers)), round(Median(ratios))
	r.Rows = append(r.Rows, row)
}

// Median returns the one in the middle of some values, which it leaves in their order. There must be one.
func Median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// MedianOf is Median of something that each of a list has.
func MedianOf[E any, T cmp.Ordered](list []E, of func(E) T) T {
	values := make([]T, len(list))
	for i, e := range list {
		values[i] = of(e)
	}
	return Median(values)
}
