//go:build unix

package plugins

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/tabletest"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestSNMP runs each example against a recording of its device.
func TestSNMP(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("snmp/*.panoptes-plugin")
	require.NoError(t, err)
	require.Len(t, files, 10)
	classes := map[string]string{"ups": "power", "pdu": "power", "printer": "printer", "nas": "storage", "linux": "system"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".panoptes-plugin")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recording, err := snmprec.Open("snmp/testdata/" + name + ".snmprec")
			require.NoError(t, err)
			class := classes[name]
			if class == "" {
				class = "network"
			}
			settings := runtimes.Settings{Host: runtimes.Host{SNMP: devices.Settings{Agent: recording}}}
			var lines []string
			for _, g := range runOnce(t, file, settings, nil, resource(class, name+".example")) {
				lines = append(lines, line(g))
			}
			slices.Sort(lines)
			text, golden := strings.Join(lines, "\n")+"\n", "snmp/testdata/"+name+".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(text), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), text)
		})
	}
}

// line is a group in a line, with the units of its metrics.
func line(g *pluginsdk.MetricsGroup) string {
	text := tabletest.GroupText(g)
	var units []string
	for _, m := range g.Metrics() {
		if m.Unit != "" {
			units = append(units, m.Name+"="+m.Unit)
		}
	}
	if slices.Sort(units); len(units) > 0 {
		text += " (" + strings.Join(units, " ") + ")"
	}
	return text
}
