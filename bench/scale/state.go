package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor"
)

const series = 1_000_000

// collector is an extension panoptes_shards with a processor panoptes_rate.
type collector struct {
	sharing sharing
	rates   processor.Metrics
	tel     *componenttest.Telemetry
}

func newCollector(c *cluster, name, instance string) *collector {
	o := orders{Brokers: c.brokers, Name: name, Instance: instance}
	tel := componenttest.NewTelemetry()
	set := tel.NewTelemetrySettings()
	set.Logger = zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), os.Stderr, zapcore.WarnLevel))
	m := &collector{sharing: newSharing(o.group(), set), tel: tel}
	id := component.MustNewID("panoptes_shards")
	h := host{id: m.sharing}
	must(m.sharing.Start(background, h))
	f := panoptesrateprocessor.NewFactory()
	cfg := f.CreateDefaultConfig()
	must(confmap.NewFromStringMap(map[string]any{"sharding": id.String(), "max_series": 2 * series}).Unmarshal(cfg))
	var err error
	m.rates, err = f.CreateMetrics(background, processor.Settings{
		ID: component.NewID(f.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, cfg, consumertest.NewNop())
	must(err)
	must(m.rates.Start(background, h))
	must(m.sharing.Ready())
	return m
}

// owned waits until a collector owns all shards.
func (m *collector) owned() {
	for s := 0; s < shards; {
		if _, ok := m.sharing.Owns(s); ok {
			s++
			continue
		}
		time.Sleep(time.Millisecond)
	}
}

// reported waits until the metrics tell of a hand-over.
func (m *collector) reported(direction string) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if took, _ := m.handover(direction); took > 0 {
			return
		}
	}
}

func (m *collector) shutdown() {
	must(m.rates.Shutdown(background))
	must(m.sharing.Shutdown(background))
	must(m.tel.Shutdown(background))
}

// handover is what the extension's own metrics say.
func (m *collector) handover(direction string) (took time.Duration, items int64) {
	of := func(name string) metricdata.Aggregation {
		found, err := m.tel.GetMetric(name)
		if err != nil {
			return nil // nothing was handed over yet
		}
		return found.Data
	}
	durations, _ := of("otelcol_panoptes_shards_handover_duration").(metricdata.Histogram[float64])
	counts, _ := of("otelcol_panoptes_shards_handover_items").(metricdata.Sum[int64])
	for _, p := range durations.DataPoints {
		if v, _ := p.Attributes.Value("direction"); v.AsString() == direction {
			took = max(took, time.Duration(p.Sum*float64(time.Second)))
		}
	}
	for _, p := range counts.DataPoints {
		if v, _ := p.Attributes.Value("direction"); v.AsString() == direction {
			items = p.Value
		}
	}
	return took, items
}

const (
	warmRounds = 4 // in which the brokers compile what they do, and first write to each partition
	rounds     = 6
)

// state measures how long it takes to hand a million series over, beside a program that only writes the same records, and to
// ask whether a shard is owned. Each Collector takes what the one before has given.
func state(r *bench.Report, c *cluster) {
	const name = "state"
	var (
		given, taken, alone []time.Duration
		copying             *copier
	)
	for round := range warmRounds + rounds {
		m := newCollector(c, name, "a")
		m.owned()
		if round == 0 {
			r.Add(bench.Row{Measure: "whether a shard is owned", Ours: ask(m.sharing), Unit: "ns", Peer: "limit", PeerValue: 100, Required: 1})
			for _, later := range []bool{false, true} {
				for b := range series / batchSeries {
					must(m.rates.ConsumeMetrics(background, batch(b, later)))
				}
			}
		} else {
			m.reported("taken")
		}
		took, arrived := m.handover("taken")
		time.Sleep(time.Second)
		before := c.processorTime()
		must(m.sharing.NotReady())
		work := c.processorTime() - before
		gave, items := m.handover("given")
		m.shutdown()
		if items != series || round > 0 && arrived != series {
			panic("not all series were handed over")
		}
		if round == 0 {
			copying = newCopier(c, name)
			defer copying.writer.Close()
		}
		time.Sleep(time.Second) // for the other replicas
		copied := copying.write()
		time.Sleep(time.Second)
		fmt.Printf("%d series taken in %s, given in %s, for which the brokers worked %s; their %.1f MB written alone in %s\n",
			items, ms(took), ms(gave), ms(work), copying.megabytes, ms(copied))
		if round >= warmRounds {
			given, taken, alone = append(given, gave), append(taken, took), append(alone, copied)
		}
	}
	gave := bench.Median(given).Seconds()
	r.Add(bench.Row{Measure: "a million series given away", Ours: gave, Unit: "s", Peer: "limit", PeerValue: 0.5, Required: 1})
	r.Add(bench.Row{Measure: "a million series given away", Ours: gave, Unit: "s", Peer: "written alone", PeerValue: bench.Median(alone).Seconds(), Floor: true})
	r.Add(bench.Row{Measure: "a million series taken over", Ours: bench.Median(taken).Seconds(), Unit: "s", Peer: "limit", PeerValue: 2, Required: 1})
}

// ask returns the nanoseconds that a question takes, in the fastest of some turns.
func ask(m sharing) float64 {
	const questions = 1 << 20
	var which [1 << 12]int
	for i := range which {
		which[i] = rand.IntN(shards)
	}
	best := time.Hour
	for range 21 {
		start, owned := time.Now(), 0
		for i := range questions {
			if _, ok := m.Owns(which[i%len(which)]); ok {
				owned++
			}
		}
		best = min(best, time.Since(start))
		if owned != questions {
			panic("a shard was lost")
		}
	}
	return float64(best.Nanoseconds()) / questions
}
