package panoptesrateprocessor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// rateVector is a row of rates.jsonl: groups of each run, and what comes of them.
type rateVector struct {
	Name       string
	Transforms map[string]string
	Inputs     [][]*pluginsdk.MetricsGroup
	Expect     [][]expectedGroup
}

type expectedGroup struct {
	Type       string              `json:"metrics_group_type"`
	ResourceID string              `json:"resource_id"`
	Dimensions map[string]string   `json:"dimensions"`
	Metrics    [][]json.RawMessage `json:"metrics"` // name, type, value
}

func TestVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "rates.jsonl"))
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	rows := 0
	for lines.Scan() {
		rows++
		var v rateVector
		require.NoError(t, json.Unmarshal(lines.Bytes(), &v))
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			v.run(t)
		})
	}
	require.NoError(t, lines.Err())
	require.NotZero(t, rows)
}

func (v *rateVector) run(t *testing.T) {
	p, _ := newProcessor(t)
	var text strings.Builder
	for label, value := range v.Transforms {
		fmt.Fprintf(&text, "%s = %s\n", label, value)
	}
	require.Len(t, v.Inputs, len(v.Expect))
	for i, groups := range v.Inputs {
		md := process(t, p, build(text.String(), groups...))
		assert.Equal(t, wanted(t, v.Expect[i]), found(t, md), "run %d", i+1)
	}
}

// wanted puts the expectation in a form to compare. A group without metrics has no form in pdata.
func wanted(t *testing.T, groups []expectedGroup) []string {
	out := []string{}
	for _, g := range groups {
		if len(g.Metrics) == 0 {
			continue
		}
		var dimensions, metrics []string
		for name, value := range g.Dimensions {
			dimensions = append(dimensions, name+"="+value)
		}
		for _, m := range g.Metrics {
			var name, kind string
			var value pluginsdk.Number
			require.NoError(t, json.Unmarshal(m[0], &name))
			require.NoError(t, json.Unmarshal(m[1], &kind))
			require.NoError(t, json.Unmarshal(m[2], &value))
			if _, fits := value.Int64(); !fits {
				value = pluginsdk.Float(value.Float64()) // as all integers beyond int64
			}
			metrics = append(metrics, fmt.Sprintf("%s %s %s", name, kind, value))
		}
		out = append(out, describe(g.Type, g.ResourceID, dimensions, metrics))
	}
	slices.Sort(out)
	return out
}

// found does the same with what came out.
func found(t *testing.T, md pmetric.Metrics) []string {
	out := []string{}
	_, err := pdata.Groups(md, pdata.FromOptions{}, func(g pdata.Group) error {
		var dimensions, metrics []string
		for _, d := range g.Dimensions() {
			dimensions = append(dimensions, d.Name+"="+d.Value)
		}
		for _, m := range g.Metrics() {
			metrics = append(metrics, fmt.Sprintf("%s %s %s", m.Name, m.Type, m.Value))
		}
		out = append(out, describe(g.Type, g.Resource.ID, dimensions, metrics))
		return nil
	})
	require.NoError(t, err)
	slices.Sort(out)
	return out
}

func describe(groupType, id string, dimensions, metrics []string) string {
	slices.Sort(dimensions)
	slices.Sort(metrics)
	return fmt.Sprintf("%s of %s %q: %q", groupType, id, dimensions, metrics)
}
