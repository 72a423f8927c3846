package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// vectors calls f for each row of a file of vectors.
func vectors[Row any](t *testing.T, name string, f func(t *testing.T, row Row)) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../../testdata/vectors", name))
	require.NoError(t, err)
	rows := 0
	for line := range strings.Lines(string(data)) {
		rows++
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			t.Parallel()
			var row Row
			dec := json.NewDecoder(strings.NewReader(line))
			dec.UseNumber()
			require.NoError(t, dec.Decode(&row))
			f(t, row)
		})
	}
	require.NotZero(t, rows)
}

type metric struct {
	Name  string      `json:"metric_name"`
	Value json.Number `json:"metric_value"`
	Type  string      `json:"metric_type"`
}

type metricsGroup struct {
	Type     string `json:"metrics_group_type"`
	Resource struct {
		ID string `json:"resource_id"`
	} `json:"resource"`
	Metrics    []metric `json:"metrics"`
	Dimensions []struct {
		Name  string `json:"dimension_name"`
		Value string `json:"dimension_value"`
	} `json:"dimensions"`
}

type expectedGroup struct {
	Type       string            `json:"metrics_group_type"`
	ID         string            `json:"resource_id"`
	Dimensions map[string]string `json:"dimensions"`
	Metrics    [][3]any          `json:"metrics"`
}

// same compares numbers as texts within int64 and as doubles beyond.
func same(t *testing.T, want any, got json.Number, what string) {
	t.Helper()
	n, ok := want.(json.Number)
	require.True(t, ok)
	if _, err := n.Int64(); err == nil || strings.ContainsAny(n.String(), ".eE") {
		require.Equal(t, n.String(), got.String(), what)
		return
	}
	a, err := n.Float64()
	require.NoError(t, err)
	b, err := got.Float64()
	require.NoError(t, err)
	require.InDelta(t, a, b, 0, what)
}

func TestPipeRates(t *testing.T) {
	t.Parallel()
	type row struct {
		Name       string              `json:"name"`
		Transforms map[string]string   `json:"transforms"`
		Inputs     [][]json.RawMessage `json:"inputs"`
		Expect     [][]expectedGroup   `json:"expect"`
	}
	vectors(t, "rates.jsonl", func(t *testing.T, row row) {
		args := []string{"pipe"}
		for _, label := range slices.Sorted(maps.Keys(row.Transforms)) {
			args = append(args, "--transform", label+" = "+row.Transforms[label])
		}
		var stdin strings.Builder
		var want []expectedGroup
		for i, groups := range row.Inputs {
			for _, g := range groups {
				stdin.Write(g)
				stdin.WriteByte('\n')
			}
			want = append(want, row.Expect[i]...)
		}
		code, stdout, stderr := run(t, stdin.String(), args...)
		require.Zero(t, code, "%s: %s", row.Name, stderr)
		got := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
		require.Len(t, got, len(want), row.Name)
		for i, line := range got {
			var g metricsGroup
			require.NoError(t, json.Unmarshal([]byte(line), &g))
			require.Equal(t, want[i].Type, g.Type)
			require.Equal(t, want[i].ID, g.Resource.ID)
			dimensions := map[string]string{}
			for _, d := range g.Dimensions {
				dimensions[d.Name] = d.Value
			}
			require.Equal(t, want[i].Dimensions, dimensions, row.Name)
			require.Len(t, g.Metrics, len(want[i].Metrics), "%s: %s", row.Name, line)
			for _, m := range want[i].Metrics {
				at := slices.IndexFunc(g.Metrics, func(o metric) bool { return o.Name == m[0] && o.Type == m[1] })
				require.GreaterOrEqual(t, at, 0, "%s: no %v in %s", row.Name, m, line)
				same(t, m[2], g.Metrics[at].Value, row.Name)
			}
		}
	})
}

func TestPipeExplainPartitions(t *testing.T) {
	t.Parallel()
	type row struct {
		Group           json.RawMessage `json:"group"`
		Key             *string         `json:"key"`
		PartitioningKey string          `json:"partitioning_key"`
		Partitions      int             `json:"partitions"`
		Partition       *int            `json:"partition"`
		Topics          any             `json:"topics"`
		Options         struct {
			Site   bool              `json:"publish_to_site_topic"`
			Global bool              `json:"publish_to_global_topic"`
			Name   string            `json:"global_topic_name"`
			Plugin map[string]string `json:"plugin_topics"`
		} `json:"options"`
	}
	vectors(t, "partition.jsonl", func(t *testing.T, row row) {
		args := []string{"pipe", "--explain", "--partitions", fmt.Sprint(row.Partitions)}
		if !row.Options.Site {
			args = append(args, "--no-site-topics")
		}
		if row.Options.Global {
			args = append(args, "--global-topic="+row.Options.Name)
		}
		if topics, ok := row.Options.Plugin["processed"]; ok {
			args = append(args, "--plugin-topics", topics)
		}
		code, stdout, stderr := run(t, string(row.Group)+"\n", args...)
		require.Zero(t, code, stderr)
		var got struct {
			Group           json.RawMessage `json:"group"`
			Topics          []string        `json:"topics"`
			Key             *string         `json:"key"`
			PartitioningKey string          `json:"partitioning_key"`
			Partition       *int            `json:"partition"`
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &got))
		require.Equal(t, row.Key, got.Key)
		require.Equal(t, row.PartitioningKey, got.PartitioningKey)
		require.Equal(t, row.Partition, got.Partition)
		require.JSONEq(t, string(row.Group), string(got.Group))
		if want, ok := row.Topics.([]any); ok {
			require.ElementsMatch(t, want, got.Topics)
		} else {
			require.Len(t, got.Topics, 1)
			require.Regexp(t, `^[a-zA-Z0-9._-]{1,249}$`, got.Topics[0])
		}
	})
}

// line makes a group as Panoptes writes it.
func line(groupType string, at float64, metrics ...string) string {
	for i, m := range metrics {
		metrics[i] = fmt.Sprintf(`{"metric_creation_timestamp": %.1f, %s}`, at, m)
	}
	return fmt.Sprintf(`{"metrics_group_type": "%s", "metrics_group_interval": 60, "metrics_group_creation_timestamp": %.1f, `+
		`"metrics_group_schema_version": "0.2", "resource": {"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", `+
		`"resource_type": "t", "resource_id": "id", "resource_endpoint": "e", "resource_metadata": {"_resource_ttl": "604800"}, `+
		`"resource_creation_timestamp": 1512629517.03, "resource_plugin": null}, "metrics": [%s], `+
		`"dimensions": [{"dimension_name": "d", "dimension_value": "1"}]}`, groupType, at, strings.Join(metrics, ", ")) + "\n"
}

const (
	gauge = `"metric_name": "g", "metric_value": 0.5, "metric_type": "gauge"`
	huge  = `"metric_name": "h", "metric_value": 18446744073709551615, "metric_type": "gauge"`
)

func counter(n int) string {
	return fmt.Sprintf(`"metric_name": "n", "metric_value": %d, "metric_type": "counter"`, n)
}

func rate(text string) string {
	return fmt.Sprintf(`"metric_name": "n", "metric_value": %s, "metric_type": "gauge"`, text)
}

// TestPipeBytes compares whole outputs, byte for byte.
func TestPipeBytes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		stdin  string
		stdout string
	}{
		"nothing": {nil, "", ""},
		"no transforms": {
			nil, line("x", 1000, gauge, counter(5)), line("x", 1000, gauge, counter(5)),
		},
		"a group without metrics": {
			[]string{"--transform", "x = rate:x:n"}, line("x", 1000), line("x", 1000),
		},
		"counter and rate side by side": {
			[]string{"--transform", "x = rate:x:n"},
			line("x", 1000, counter(5), gauge) + line("x", 1004, counter(15), gauge),
			line("x", 1000, counter(5), gauge) + line("x", 1004, counter(15), rate("2"), gauge),
		},
		"rates as doubles": {
			[]string{"--transform", "x = rate:x:n", "--rates", "double"},
			line("x", 1000, counter(5)) + line("x", 1004, counter(15)),
			line("x", 1000, counter(5)) + line("x", 1004, counter(15), rate("2.5")),
		},
		"an extra group where the label is the type that comes": {
			[]string{"--transform", "raw = rate:x:n"},
			line("raw", 1000, counter(5), gauge) + line("raw", 1004, counter(15), gauge),
			line("raw", 1000, counter(5), gauge) + line("raw", 1004, counter(15), gauge) + line("x", 1004, rate("2")),
		},
		"several transforms": {
			[]string{"--transform", "a = rate:x:n", "--transform", "b = rate:y:n"},
			line("x", 1000, counter(5)) + line("y", 1000, counter(5)) + line("x", 1001, counter(6)) + line("y", 1001, counter(7)),
			line("x", 1000, counter(5)) + line("y", 1000, counter(5)) + line("x", 1001, counter(6), rate("1")) + line("y", 1001, counter(7), rate("2")),
		},
		"beyond 64 bits": {
			nil, line("x", 1000, huge), line("x", 1000, strings.Replace(huge, "18446744073709551615", "1.8446744073709552e+19", 1)),
		},
		"blank lines, and none at the end": {
			nil, "\n  \n" + strings.TrimSuffix(line("x", 1000, gauge), "\n"), line("x", 1000, gauge),
		},
		"an end of line from Windows": {
			nil, strings.TrimSuffix(line("x", 1000, gauge), "\n") + "\r\n", line("x", 1000, gauge),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, c.stdin, append([]string{"pipe"}, c.args...)...)
			require.Zero(t, code, stderr)
			require.Empty(t, stderr)
			require.Equal(t, c.stdout, stdout)
		})
	}
}

func TestPipeExplainWithoutPartitions(t *testing.T) {
	t.Parallel()
	_, stdout, _ := run(t, line("x", 1000, gauge), "pipe", "--explain", "--global-topic")
	require.Equal(t, `{"group": `+strings.TrimSuffix(line("x", 1000, gauge), "\n")+`, "topics": ["s-processed", "panoptes-metrics"], `+
		`"key": "c:sc:t", "partitioning_key": "id|x|d|1", "partition": null}`+"\n", stdout)
}

func TestPipeBadLines(t *testing.T) {
	t.Parallel()
	good := line("x", 1000, gauge)
	for name, c := range map[string]struct{ line, message string }{
		"no JSON":           {"nonsense", "at byte 0: expected an object"},
		"NaN":               {strings.Replace(good, "0.5", "NaN", 1), `group "x": data points dropped: 1 not_finite`},
		"two groups":        {strings.TrimSuffix(good, "\n") + good, "something follows the message"},
		"a list":            {"[1]", "expected an object"},
		"no type":           {strings.Replace(good, "metrics_group_type", "type", 1), "metrics_group_type (at byte"},
		"bad interval":      {strings.Replace(good, ": 60", ": 0", 1), "metrics_group_interval"},
		"bad metric name":   {strings.Replace(good, `"g"`, `"g-g"`, 1), `metric name "g-g" has to match pattern`},
		"bad version":       {strings.Replace(good, `"0.2"`, `"0.3"`, 1), `expected "0.2"`},
		"no UTF-8":          {strings.Replace(good, `"d"`, "\"\xff\"", 1), "the text is no UTF-8"},
		"beyond all limits": {strings.Repeat("x", 16<<20+1), "line has more than 16777216 bytes"},
		"a value that no double holds": {
			line("x", 1000, strings.Replace(huge, "18446744073709551615", strings.Repeat("9", 315), 1)), `group "x": data points dropped: 1 not_finite`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, good+strings.TrimSuffix(c.line, "\n")+"\n"+good, "pipe")
			require.Equal(t, 1, code)
			require.Equal(t, good+good, stdout, "the other lines go through")
			require.Contains(t, stderr, "panoptes: line 2: ")
			require.Contains(t, stderr, c.message)
			require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		})
	}
}

func TestPipeLongestLine(t *testing.T) {
	t.Parallel()
	good := strings.TrimSuffix(line("x", 1000, gauge), "\n")
	code, stdout, stderr := run(t, good+strings.Repeat(" ", 16<<20-len(good))+"\n", "pipe")
	require.Zero(t, code, stderr)
	require.Equal(t, good+"\n", stdout)
}

func TestPipeBadTransform(t *testing.T) {
	t.Parallel()
	stdin := line("x", 1000, counter(5)) + line("x", 1001, counter(8))
	code, stdout, stderr := run(t, stdin, "pipe", "--transform", "x = rate:x", "--transform", "y = rate:x:n")
	require.Zero(t, code)
	require.Equal(t, line("x", 1000, counter(5))+line("x", 1001, counter(8), rate("3")), stdout)
	require.Contains(t, stderr, `--transform "x = rate:x" is off: `)
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
}

// TestPipeStreams: the answer to a line comes before the next line is written.
func TestPipeStreams(t *testing.T) {
	t.Parallel()
	stdin, write := io.Pipe()
	read, stdout := io.Pipe()
	done := make(chan int)
	go func() {
		defer stdout.Close()
		done <- RunContext(t.Context(), []string{"pipe"}, stdin, stdout, io.Discard)
	}()
	answers := bufio.NewReader(read)
	for i := range 3 {
		in := line("x", float64(1000+i), gauge)
		_, err := io.WriteString(write, in)
		require.NoError(t, err)
		out, err := answers.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, in, out)
	}
	require.NoError(t, write.Close())
	require.Zero(t, <-done)
}

// TestPipeTwice: whatever comes in, what comes out is groups, and these go through once more unchanged.
func TestPipeTwice(t *testing.T) {
	t.Parallel()
	seeds := []string{
		line("x", 1000, counter(5)), line("x", 1001.25, counter(9), gauge), line("raw", 1000, counter(5)), line("raw", 1002, counter(6)),
		line("x", 1000), line("y", 1000.1239, huge, gauge), strings.Replace(line("x", 1000, gauge), `"id"`, `"\ud83d\ude00 gr\u00f6\u00dfe"`, 1),
	}
	rapid.Check(t, func(rt *rapid.T) {
		var stdin strings.Builder
		for range rapid.IntRange(0, 6).Draw(rt, "lines") {
			text := []byte(rapid.SampledFrom(seeds).Draw(rt, "seed"))
			for range rapid.IntRange(0, 2).Draw(rt, "changes") {
				at := rapid.IntRange(0, len(text)-1).Draw(rt, "at")
				text[at] = rapid.SampledFrom([]byte(`"{}[],:0123456789.-eE\ nx`+"\n\xff")).Draw(rt, "byte")
			}
			stdin.Write(text)
		}
		_, once, _ := run(t, stdin.String(), "pipe", "--transform", "x = rate:x:n", "--transform", "raw = rate:x:n")
		for line := range strings.Lines(once) {
			if !json.Valid([]byte(line)) {
				rt.Fatalf("%q came out of %q", line, stdin.String())
			}
		}
		code, twice, stderr := run(t, once, "pipe")
		if code != 0 || once != twice {
			rt.Fatalf("%q became %q: %s", once, twice, stderr)
		}
	})
}
