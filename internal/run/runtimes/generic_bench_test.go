//go:build unix

package runtimes

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

// BenchmarkGeneric polls 48 rows of 14 columns by the generic plugin: 12 metrics and 2 dimensions.
func BenchmarkGeneric(b *testing.B) {
	const rows, columns = 48, 14
	var recording, oids, metrics strings.Builder
	for c := range columns {
		for i := range rows {
			fmt.Fprintf(&recording, "1.1.%d.%d|65|%d\n", c+1, i+1, 1000*c+i)
		}
		fmt.Fprintf(&oids, `"column%d": {"method": "bulk_walk", "oid": ".1.1.%d"},`, c, c+1)
		if c < columns-2 {
			fmt.Fprintf(&metrics, `"m%d": {"value": "int(column%d.$index) * 8", "metric_type": "counter"},`, c, c)
		}
	}
	configuration := fmt.Sprintf(`{"oids": {%s}, "metrics_groups": [{"group_name": "interface", "metrics": {%s}, "dimensions": {
		"d": "column12.$index", "e": "'data' if column13.$index != '1' else 'ctrl'"}}]}`,
		strings.TrimSuffix(oids.String(), ","), strings.TrimSuffix(metrics.String(), ","))
	require.True(b, json.Valid([]byte(configuration)))
	source, err := snmprec.Parse("device", []byte(recording.String()))
	require.NoError(b, err)
	poll := genericRunner(b, genericPlugins(b, false), source, func(r run.Result) { require.Len(b, r.Groups, rows+1) })
	c := genericCase{Version: "0.1", Configuration: json.RawMessage(configuration)}
	poll(&c)
	before := processorTime(b)
	for b.Loop() {
		poll(&c)
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/1000, "µs-CPU/op") // others use the machine as well
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
