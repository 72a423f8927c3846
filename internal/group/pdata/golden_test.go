package pdata

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/pmetrictest"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var update = flag.Bool("update", false, "rewrite the expected files under testdata")

// TestGolden runs the directories of testdata. One with groups.jsonl is mapped to pdata (pdata.yaml) and back
// (back.jsonl); one without begins at a pdata.yaml written by hand.
func TestGolden(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/*/pdata.yaml")
	forward, globErr := filepath.Glob("testdata/*/groups.jsonl")
	if err != nil || globErr != nil || len(dirs)+len(forward) == 0 {
		t.Fatal("no cases", err, globErr)
	}
	cases := map[string]bool{}
	for _, path := range append(dirs, forward...) {
		cases[filepath.Dir(path)] = true
	}
	for dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			if input, err := os.ReadFile(filepath.Join(dir, "groups.jsonl")); err == nil {
				checkForward(t, filepath.Join(dir, "pdata.yaml"), input)
			}
			md, err := golden.ReadMetrics(filepath.Join(dir, "pdata.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			compareFile(t, filepath.Join(dir, "back.jsonl"), backward(t, md, FromOptions{}))
		})
	}
}

// goldenGroup is a line of groups.jsonl and back.jsonl.
type goldenGroup struct {
	Plugin     string                  `json:"plugin"`
	Transforms string                  `json:"transforms,omitempty"`
	Topics     string                  `json:"topics,omitempty"`
	Group      *pluginsdk.MetricsGroup `json:"group"`
}

func checkForward(t *testing.T, want string, input []byte) {
	t.Helper()
	b := NewBuilder(Options{ServiceIdentity: true})
	points := 0
	for line := range strings.Lines(string(input)) {
		var in goldenGroup
		if err := json.Unmarshal([]byte(line), &in); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		points += b.Add(Scope{Plugin: in.Plugin, Transforms: in.Transforms, Topics: in.Topics}, in.Group)
	}
	if b.Points() != points {
		t.Errorf("Points is %d, Add said %d", b.Points(), points)
	}
	md := b.Take()
	if md.DataPointCount() != points {
		t.Errorf("%d data points, Add said %d", md.DataPointCount(), points)
	}
	if *update {
		text, err := golden.MarshalMetricsYAML(md)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(want, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expected, err := golden.ReadMetrics(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := pmetrictest.CompareMetrics(expected, md); err != nil {
		t.Error(err)
	}
}

// backward returns the groups of md, one a line, and the report as the last line.
func backward(t *testing.T, md pmetric.Metrics, o FromOptions) []byte {
	t.Helper()
	var out bytes.Buffer
	report, err := Groups(md, o, func(g Group) error {
		head, err := json.Marshal(goldenGroup{Plugin: g.Plugin, Topics: g.Topics})
		if err != nil {
			return err
		}
		out.Write(bytes.TrimSuffix(head, []byte(`null}`)))
		out.Write(append(g.AppendJSON(nil), '}', '\n'))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(map[string]Report{"report": report})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(append(line, '\n'))
	return out.Bytes()
}

func compareFile(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got\n%s", path, got)
	}
}
