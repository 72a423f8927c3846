package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"golang.org/x/sys/unix"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// shards is how many a fleet has by default.
const shards = shard.DefaultCount

// orders are what a member is told.
type orders struct {
	Brokers        []string
	Name, Instance string
}

// group is the extension's configuration: its defaults, except for names.
func (o *orders) group() map[string]any {
	return map[string]any{"group": map[string]any{
		"brokers": o.Brokers, "name": o.Name, "instance": o.Instance, "topic": map[string]any{"name": o.Name},
	}}
}

// sharing is the extension panoptes_shards.
type sharing interface {
	extension.Extension
	extensioncapabilities.PipelineWatcher
	shard.Membership
}

func newSharing(config map[string]any, tel component.TelemetrySettings) sharing {
	f := panoptesshardsextension.NewFactory()
	cfg := f.CreateDefaultConfig()
	must(confmap.NewFromStringMap(config).Unmarshal(cfg))
	must(confmap.Validate(cfg))
	e, err := f.Create(background, extension.Settings{ID: component.NewID(f.Type()), TelemetrySettings: tel}, cfg)
	must(err)
	return e.(sharing)
}

// host has extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// now is the monotonic clock of the machine, which all processes share.
func now() int64 {
	var t unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_MONOTONIC, &t))
	return t.Nano()
}

// lookEvery is how often a member looks at what it owns: what is measured is exact to two of these.
const lookEvery = 5 * time.Millisecond

// beMember is a process that is one of a fleet, until it is told to end. It hands over stateBytes of each shard, and writes a
// line when it sees that a shard is owned ("+"), or when that was so for the last time ("-").
func beMember(text string) {
	var o orders
	must(json.Unmarshal([]byte(text), &o))
	e := newSharing(o.group(), componenttest.NewNopTelemetrySettings())
	must(e.Start(background, host{}))
	state := make([]byte, stateBytes)
	_, err := rand.Read(state)
	must(err)
	_, err = e.Join(shard.Part{
		Name: "bench", Source: true,
		Export: func(given []int, write func(int, []byte, int)) error {
			for _, s := range given {
				write(s, state, 1)
			}
			return nil
		},
	})
	must(err)
	ctx, stop := signal.NotifyContext(background, syscall.SIGTERM)
	defer stop()
	must(e.Ready())
	over, looked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(looked)
		look(e, over)
	}()
	<-ctx.Done()
	must(e.NotReady())
	close(over)
	<-looked
	must(e.Shutdown(context.Background()))
}

func look(e sharing, over chan struct{}) {
	out := bufio.NewWriter(os.Stdout)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var owned [shards]int64 // when that was seen last
	for {
		at := now()
		for s := range owned {
			_, ok := e.Owns(s)
			switch {
			case ok && owned[s] == 0:
				fmt.Fprintln(out, "+", s, at)
			case !ok && owned[s] != 0:
				fmt.Fprintln(out, "-", s, owned[s])
				owned[s] = 0
			}
			if ok {
				owned[s] = at
			}
		}
		must(out.Flush())
		select {
		case <-over:
			return
		case <-ticker.C:
		}
	}
}
