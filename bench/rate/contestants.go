package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/cumulativetodeltaprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatorateprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor"
)

// contestant is one way to make rates. It takes batches, which it may change.
type contestant struct {
	name string
	// transforms, sameTime: what its batches are like. noBatches: it needs none.
	transforms, sameTime, noBatches bool
	// out is how many points must come out of each that goes in; 0 where there is nothing to see.
	out   int
	begin func(s *stream) (consume func(number int, md pmetric.Metrics), end func())
}

// delivered is what came out of the last batch's contestant.
var delivered pmetric.Metrics

// check makes sure that so many points came out, unless it was the first round, in which no series has a rate, and lets
// them go. It is no part of what is measured.
func check(points, round int) {
	if points > 0 && round > 0 {
		if n := delivered.DataPointCount(); n != points {
			panic(fmt.Sprintf("%d points came out instead of %d", n, points))
		}
	}
	delivered = pmetric.Metrics{}
}

// chain starts processors, each of which hands on to the next; the last one's output is delivered.
func chain(steps ...func(consumer.Metrics) processor.Metrics) (consume func(int, pmetric.Metrics), end func()) {
	var next consumer.Metrics
	next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		delivered = md
		return nil
	})
	must(err)
	var all []processor.Metrics
	for _, step := range slices.Backward(steps) {
		p := step(next)
		must(p.Start(context.Background(), theHost))
		all = append(all, p)
		next = p
	}
	return func(_ int, md pmetric.Metrics) { must(next.ConsumeMetrics(context.Background(), md)) },
		func() {
			for _, p := range all {
				must(p.Shutdown(context.Background()))
			}
		}
}

func step(f processor.Factory, config map[string]any) func(consumer.Metrics) processor.Metrics {
	return func(next consumer.Metrics) processor.Metrics {
		cfg := f.CreateDefaultConfig()
		must(confmap.NewFromStringMap(config).Unmarshal(cfg))
		p, err := f.CreateMetrics(context.Background(), processor.Settings{
			ID: component.NewID(f.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
		}, cfg, next)
		must(err)
		return p
	}
}

func rates(config map[string]any) func(consumer.Metrics) processor.Metrics {
	return step(panoptesrateprocessor.NewFactory(), config)
}

func ours(name string, transforms, sameTime bool, config map[string]any) contestant {
	out := 1
	if transforms && !sameTime {
		out = 2 // each counter has a rate beside it
	}
	return contestant{name, transforms, sameTime, false, out, func(s *stream) (func(int, pmetric.Metrics), func()) {
		c := map[string]any{"max_series": s.series() + s.series()/10}
		maps.Copy(c, config)
		return chain(rates(c))
	}}
}

func allNames(s shape) []any {
	var names []any
	for _, n := range s.names() {
		names = append(names, groupType+"."+n)
	}
	return names
}

func ourReplace(s shape) contestant {
	return ours("replace", false, false, map[string]any{
		"transforms": []any{map[string]any{"metrics": allNames(s), "output": "replace"}},
	})
}

func toDelta() func(consumer.Metrics) processor.Metrics {
	return step(cumulativetodeltaprocessor.NewFactory(), nil)
}

func peers(s shape) contestant {
	return contestant{"cumulativetodelta + deltatorate", false, false, false, 1, func(*stream) (func(int, pmetric.Metrics), func()) {
		return chain(toDelta(), step(deltatorateprocessor.NewFactory(), map[string]any{"metrics": allNames(s)}))
	}}
}

var deltaAlone = contestant{"cumulativetodelta alone", false, false, false, 1, func(*stream) (func(int, pmetric.Metrics), func()) {
	return chain(toDelta())
}}

// nothing has the batches made and lets them go: what the others are measured against.
var nothing = contestant{"nothing", true, false, false, 0, func(*stream) (func(int, pmetric.Metrics), func()) {
	return func(int, pmetric.Metrics) {}, func() {}
}}

// copied is the floor of append: what pdata asks for one more metric with one more point each, and no rates.
var copied = contestant{"pdata CopyTo of each counter", true, false, false, 2, func(*stream) (func(int, pmetric.Metrics), func()) {
	return func(_ int, md pmetric.Metrics) {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				metrics := sm.Metrics()
				n := metrics.Len()
				metrics.EnsureCapacity(2 * n)
				for i := range n {
					metrics.At(i).CopyTo(metrics.AppendEmpty())
				}
			}
		}
		delivered = md
	}, func() {}
}}

// bareMap is the floor: the keys are made beforehand, and all that is left is to find and to write.
var bareMap = contestant{"bare map of 128-bit keys", false, false, true, 0, func(s *stream) (func(int, pmetric.Metrics), func()) {
	type key [16]byte
	type value struct {
		value  int64
		millis int64
	}
	keys := make([]key, s.series())
	for i := range keys {
		// Numbers that jump about, as hashes do.
		binary.LittleEndian.PutUint64(keys[i][:], uint64(i)*0x9e3779b97f4a7c15)
		binary.LittleEndian.PutUint64(keys[i][8:], uint64(i)*0xbf58476d1ce4e5b9)
	}
	state := map[key]value{}
	n := s.shape.points()
	return func(number int, _ pmetric.Metrics) {
		for i, k := range keys[number*n : (number+1)*n] {
			old := state[k]
			state[k] = value{old.value + int64(i), old.millis + 1}
		}
	}, func() {}
}}

// host has the storage extension, when there is one.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

var (
	theHost   = host{}
	storageID = component.MustNewID("file_storage")
)

// withStorage starts a file_storage in a folder.
func withStorage(dir string) (end func()) {
	f := filestorage.NewFactory()
	cfg := f.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = dir
	ext, err := f.Create(context.Background(), extension.Settings{
		ID: storageID, TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, cfg)
	must(err)
	must(ext.Start(context.Background(), theHost))
	theHost[storageID] = ext
	return func() {
		delete(theHost, storageID)
		must(ext.Shutdown(context.Background()))
	}
}
