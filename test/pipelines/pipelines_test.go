package pipelines

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/groupbyattrsprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var update = flag.Bool("update", false, "rewrite the expected files under testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config is a case's config.yaml: processors as a Collector's configuration has them, and their order.
type config struct {
	Pipeline   []component.ID                  `mapstructure:"pipeline"`
	Processors map[component.ID]map[string]any `mapstructure:"processors"`
}

// TestGolden sends the groups of each testdata/*/groups.jsonl through the processors of config.yaml, and compares the
// groups that come out with back.jsonl. In groups.jsonl a blank line begins the next batch; in back.jsonl each batch
// that came out ends with what was degraded or dropped.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/config.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			conf, err := confmaptest.LoadConf(file)
			if err != nil {
				t.Fatal(err)
			}
			var c config
			if err := conf.Unmarshal(&c); err != nil {
				t.Fatal(err)
			}
			var out []byte
			for _, md := range run(t, c, readGroups(t, filepath.Join(dir, "groups.jsonl"))) {
				out = appendGroups(t, out, md)
			}
			compareFile(t, filepath.Join(dir, "back.jsonl"), out)
		})
	}
}

// run starts the pipeline, feeds it, and returns what has come out once it is shut down.
func run(t *testing.T, c config, batches []pmetric.Metrics) []pmetric.Metrics {
	t.Helper()
	ctx := context.Background()
	sink := &consumertest.MetricsSink{}
	var next consumer.Metrics = sink
	var chain []processor.Metrics
	for _, id := range slices.Backward(c.Pipeline) {
		p := create(t, id, c.Processors[id], next)
		chain = append(chain, p)
		next = p
	}
	for _, p := range chain {
		if err := p.Start(ctx, componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
	}
	for _, md := range batches {
		if err := next.ConsumeMetrics(ctx, md); err != nil {
			t.Error(err)
		}
	}
	for _, p := range slices.Backward(chain) {
		if err := p.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}
	return sink.AllMetrics()
}

func create(t *testing.T, id component.ID, settings map[string]any, next consumer.Metrics) processor.Metrics {
	t.Helper()
	for _, f := range []processor.Factory{batchprocessor.NewFactory(), transformprocessor.NewFactory(), groupbyattrsprocessor.NewFactory()} {
		if f.Type() != id.Type() {
			continue
		}
		cfg := f.CreateDefaultConfig()
		conf := confmap.NewFromStringMap(settings)
		if err := conf.Unmarshal(cfg); err != nil {
			t.Fatal(err)
		}
		set := processortest.NewNopSettings(f.Type())
		set.ID = id
		p, err := f.CreateMetrics(context.Background(), set, cfg, next)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Fatalf("no processor %q", id)
	return nil
}

// line is a line of groups.jsonl and back.jsonl.
type line struct {
	Plugin string                  `json:"plugin"`
	Topics string                  `json:"topics,omitempty"`
	Group  *pluginsdk.MetricsGroup `json:"group"`
}

func readGroups(t *testing.T, path string) []pmetric.Metrics {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var batches []pmetric.Metrics
	b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	for text := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		if text == "" {
			batches = append(batches, b.Take())
			continue
		}
		var in line
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		b.Add(pdata.Scope{Plugin: in.Plugin, Topics: in.Topics}, in.Group)
	}
	return append(batches, b.Take())
}

func appendGroups(t *testing.T, out []byte, md pmetric.Metrics) []byte {
	t.Helper()
	report, err := pdata.Groups(md, pdata.FromOptions{}, func(g pdata.Group) error {
		head, err := json.Marshal(line{Plugin: g.Plugin, Topics: g.Topics})
		if err != nil {
			return err
		}
		out = append(out, bytes.TrimSuffix(head, []byte(`null}`))...)
		out = append(g.AppendJSON(out), '}', '\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	end, err := json.Marshal(map[string]pdata.Report{"report": report})
	if err != nil {
		t.Fatal(err)
	}
	return append(append(out, end...), '\n')
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
