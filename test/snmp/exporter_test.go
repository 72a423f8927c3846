package snmp

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/snmp_exporter/collector"
	"github.com/prometheus/snmp_exporter/config"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var seeds = flag.Uint64("seeds", 2, "devices to make up for each module")

func TestMain(m *testing.M) {
	// Otherwise it reports counters modulo 2^53.
	if _, err := kingpin.CommandLine.Parse([]string{"--no-snmp.wrap-large-counters"}); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// shipped is the snmp.yml that snmp_exporter ships.
func shipped(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/snmp_exporter").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "snmp.yml")
}

// TestSameSamplesAsExporter polls devices with all shipped modules, by snmp_exporter and by us.
func TestSameSamplesAsExporter(t *testing.T) {
	file := shipped(t)
	cfg, err := config.LoadFile([]string{file}, false)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := profile.OpenExporter("snmp.yml", content)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	names := slices.Sorted(maps.Keys(cfg.Modules))
	if len(names) != 49 {
		t.Errorf("there are %d modules", len(names))
	}
	count := 0
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			ours, err := opened.Modules(name)
			if err != nil {
				t.Fatal(err)
			}
			for seed := range *seeds {
				count += compare(t, e, seed, cfg, name, ours.Program)
			}
		})
	}
	t.Logf("%d series of %d modules", count, len(names))
}

// compare polls one device by both and returns how many samples there were.
func compare(t *testing.T, e *engine.Engine, seed uint64, cfg *config.Config, module string, p *table.Program) int {
	t.Helper()
	recording, err := device(seed, cfg.Modules[module])
	if err != nil {
		t.Fatal(err)
	}
	server := agenttest.Start(t, "udp4", &agenttest.Server{Source: recording})
	want := theirs(t, server.Address(), cfg, module)
	got := ours(t, e, server.Address(), module, p)
	for _, missing := range difference(want, got) {
		t.Errorf("device %d: not what snmp_exporter has: %s", seed, missing)
	}
	for _, more := range difference(got, want) {
		if strings.HasPrefix(more, "dellNetPowerDeviceType_info{") {
			continue // a label of the index has the same name, which is an error there
		}
		t.Errorf("device %d: more than snmp_exporter has: %s", seed, more)
	}
	return len(want)
}

// samples are the values of series. A series may have several where rows have the same labels: that Prometheus refuses.
type samples map[string][]string

func (s samples) add(name, kind string, labels map[string]string, value float64) {
	var b strings.Builder
	b.WriteString(name + "{")
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(label + "=" + strconv.Quote(labels[label]) + ",")
	}
	series := b.String() + "} " + kind
	s[series] = append(s[series], strconv.FormatFloat(value, 'g', -1, 64))
}

// difference returns the series of a that b does not have, or that have no value in common.
func difference(a, b samples) []string {
	var out []string
	for series, values := range a {
		if !slices.ContainsFunc(values, func(v string) bool { return slices.Contains(b[series], v) }) {
			out = append(out, fmt.Sprint(series, values, b[series]))
		}
	}
	slices.Sort(out)
	return out[:min(len(out), 10)]
}

var fqName = regexp.MustCompile(`^Desc\{fqName: "([^"]*)"`)

var ticks = regexp.MustCompile(`%!s\(uint32=(\d+)\)`)

// theirs returns the samples of snmp_exporter.
func theirs(t *testing.T, addr string, cfg *config.Config, module string) samples {
	t.Helper()
	c := collector.New(context.Background(), addr, "public_v2", "", cfg.Auths["public_v2"],
		[]*collector.NamedModule{collector.NewNamedModule(module, cfg.Modules[module])}, slog.New(slog.DiscardHandler), metrics(), 1,
		false)
	ch := make(chan prometheus.Metric)
	go func() {
		defer close(ch)
		c.Collect(ch)
	}()
	out := samples{}
	for m := range ch {
		name := fqName.FindStringSubmatch(m.Desc().String())[1]
		var written dto.Metric
		if strings.HasPrefix(name, "snmp_scrape_") || m.Write(&written) != nil {
			continue // such as a BITS value that is no octets: it makes an error of that
		}
		labels := map[string]string{}
		for _, l := range written.Label {
			if l.GetValue() != "" {
				// TimeTicks have no text there.
				labels[l.GetName()] = ticks.ReplaceAllString(l.GetValue(), "$1")
			}
		}
		value, kind := written.GetGauge().GetValue(), "gauge"
		if written.Counter != nil {
			value, kind = written.GetCounter().GetValue(), "counter"
		}
		out.add(name, kind, labels, value)
	}
	return out
}

func metrics() collector.Metrics {
	return collector.Metrics{
		SNMPCollectionDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "a"}, []string{"module"}),
		SNMPUnexpectedPduType:  prometheus.NewCounter(prometheus.CounterOpts{Name: "b"}),
		SNMPDuration:           prometheus.NewHistogram(prometheus.HistogramOpts{Name: "c"}),
		SNMPPackets:            prometheus.NewCounter(prometheus.CounterOpts{Name: "d"}),
		SNMPRetries:            prometheus.NewCounter(prometheus.CounterOpts{Name: "e"}),
		SNMPInflight:           prometheus.NewGauge(prometheus.GaugeOpts{Name: "f"}),
	}
}

// ours returns the samples that our groups stand for.
func ours(t *testing.T, e *engine.Engine, addr, module string, p *table.Program) samples {
	t.Helper()
	target := engine.Target{Address: addr, Credentials: engine.Credentials{Community: "public"}, Timeout: 5 * time.Second}
	ask := func(ctx context.Context, r *engine.Request) *engine.Result { return e.Do(ctx, &target, r) }
	result, err := p.Run(context.Background(), ask, &table.State{}, table.Target{
		Resource: &pluginsdk.Resource{Site: "s", Class: "c", Subclass: "s", Type: "t", ID: "i", Endpoint: "e"},
		Interval: time.Minute, Now: time.Now(), Boot: &table.Boot{},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range result.Failures {
		t.Errorf("column %s failed: %v", f.OID, f.Err)
	}
	out := samples{}
	for _, g := range result.Groups {
		if want := strings.ReplaceAll(module, "-", "_"); g.Type != want {
			t.Fatalf("a group has the type %q, not %q", g.Type, want)
		}
		labels := map[string]string{}
		for _, d := range g.Dimensions() {
			labels[d.Name] = d.Value
		}
		for _, m := range g.Metrics() {
			out.add(m.Name, m.Type.String(), labels, m.Value.Float64())
		}
	}
	return out
}
