package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

// steady is how long the processor works at full speed, with and without storage: three times to save.
const steady = 35 * time.Second

// persistence measures what it costs to keep the state.
func persistence(report *bench.Report) {
	const n = 1_000_000
	dir, err := os.MkdirTemp("", "bench-rate")
	must(err)
	defer os.RemoveAll(dir)
	off, on := math.Inf(1), math.Inf(1)
	var bytes float64
	var restore time.Duration
	for i := range 2 {
		nanos, _, _ := throughput(n, nil)
		off = min(off, nanos)
		folder := filepath.Join(dir, fmt.Sprint(i))
		must(os.Mkdir(folder, 0o755))
		var last int
		nanos, bytes, last = throughput(n, &folder)
		on = min(on, nanos)
		took := restoring(n, folder, last+1)
		if i == 0 || took < restore {
			restore = took
		}
	}
	of := ", " + count(n)
	payload := payload(filepath.Join(dir, "1"))
	report.Add(bench.Row{
		Measure: "append with storage" + of, Ours: on, Unit: "ns/point", Peer: "without storage", PeerValue: off, Floor: true, Required: 0.87,
	})
	report.Add(bench.Row{Measure: "heap with storage" + of, Ours: bytes, Unit: "B/series", Peer: "limit", PeerValue: 88, Required: 1})
	report.Add(bench.Row{
		Measure: "payload on disk" + of, Ours: float64(payload) / float64(n), Unit: "B/series", Peer: "limit", PeerValue: 40, Required: 1,
	})
	report.Add(bench.Row{
		Measure: "restore" + of, Ours: float64(restore.Milliseconds()), Unit: "ms", Peer: "limit", PeerValue: 2000, Required: 1,
	})
}

// throughput runs the processor for a while at full speed and returns the CPU for a point, saving included and the
// making of batches not, the heap for a series, and the number of the last round.
func throughput(n int, dir *string) (nanos, bytes float64, last int) {
	runtime.LockOSThread() // for threadCPU
	defer runtime.UnlockOSThread()
	config := map[string]any{}
	if dir != nil {
		defer withStorage(*dir)()
		config["storage"] = storageID.String()
	}
	st := newStream(single, n, true)
	before := heap()
	consume, end := ours("", true, false, config).begin(st)
	for b := range st.batches {
		consume(b, st.batch(b, 0, false))
		check(0, 0)
	}
	bytes = float64(heap()-before) / float64(st.series())
	var making time.Duration
	points := 0
	start, startCPU := time.Now(), cpu()
	for time.Since(start) < steady {
		last++
		for b := range st.batches {
			thread := threadCPU()
			md := st.batch(b, last, false)
			making += threadCPU() - thread
			consume(b, md)
			check(0, last)
		}
		points += st.series()
	}
	used := cpu() - startCPU - making
	bytes = max(bytes, float64(heap()-before)/float64(st.series()))
	end()
	return float64(used.Nanoseconds()) / float64(points), bytes, last
}

// restoring returns how long the start takes with what the storage holds, and makes sure that it is all there.
func restoring(n int, dir string, round int) time.Duration {
	defer withStorage(dir)()
	st := newStream(single, n, true)
	heap()
	start := time.Now()
	consume, end := ours("", true, false, map[string]any{"storage": storageID.String()}).begin(st)
	took := time.Since(start)
	for b := range st.batches {
		consume(b, st.batch(b, round, false))
		check(2*single.points(), round) // all have a rate
	}
	end()
	return took
}

// payload is the size of all that is stored.
func payload(dir string) (bytes int) {
	files, err := filepath.Glob(filepath.Join(dir, "processor_*"))
	must(err)
	for _, file := range files {
		if strings.HasSuffix(file, "_spare") {
			continue
		}
		db, err := bbolt.Open(file, 0o600, &bbolt.Options{ReadOnly: true})
		must(err)
		must(db.View(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("default")).ForEach(func(k, v []byte) error {
				bytes += len(k) + len(v)
				return nil
			})
		}))
		must(db.Close())
	}
	return bytes
}
