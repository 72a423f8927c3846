package panoptesshardsextension

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/group"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/parts"
	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// member is this Collector's membership, of either kind.
type member interface {
	Owns(shard int) (epoch uint64, ok bool)
	Holds(shard int, epoch uint64) bool
	Seed() (seed [16]byte, ok bool)
	Announce(resources string)
	// Owned is the number of shards that are owned now.
	Owned() int
	// Start begins to own shards, and Stop ends that, by the time that ctx is done.
	Start()
	Stop(ctx context.Context)
	// Close follows Stop.
	Close()
}

// shardsExtension is a shard.Membership. It has a member from Start to Shutdown, which owns nothing before Ready, when all
// pipelines run, and nothing after NotReady, before the first of them stops.
type shardsExtension struct {
	cfg       *Config
	set       component.TelemetrySettings
	telemetry *metadata.TelemetryBuilder
	parts     parts.Parts
	options   options

	// member is written by Start, before anything else runs.
	member member
	group  *group.Group // the same, where it is one
	host   component.Host
	stop   sync.Once

	announced struct {
		sync.Mutex
		byPart map[string]string
	}
}

// options are for tests.
type options struct {
	breakage group.Breakage
	// client options are added to the connection's, reader options to those of clients that read states.
	client, reader []kgo.Opt
}

var (
	_ extension.Extension                   = (*shardsExtension)(nil)
	_ extensioncapabilities.PipelineWatcher = (*shardsExtension)(nil)
	_ shard.Membership                      = (*shardsExtension)(nil)
	_ shardgroup.Viewer                     = (*shardsExtension)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*shardsExtension, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &shardsExtension{cfg: cfg, set: set.TelemetrySettings, telemetry: telemetry}, nil
}

// Start implements component.Component. Receivers and processors join afterwards.
func (e *shardsExtension) Start(ctx context.Context, host component.Host) error {
	e.host = host
	var err error
	if e.cfg.Static.HasValue() {
		e.member, err = newStaticShare(e.cfg.Static.Get(), e.cfg.Shards, &e.parts, e.set.Logger)
	} else {
		e.group, err = e.newGroup(ctx, e.cfg.Group.Get())
		e.member = e.group
	}
	if err != nil {
		e.member = nil
		return err
	}
	return e.observe()
}

func (e *shardsExtension) newGroup(ctx context.Context, cfg *GroupConfig) (*group.Group, error) {
	opts, err := kafkaclient.Options(ctx, &cfg.Client, e.host, e.set.Logger)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil && cfg.Instance == "" {
		return nil, fmt.Errorf("group::instance is not given, and the host has no name: %w", err)
	}
	var life [6]byte
	_, _ = rand.Read(life[:]) // never fails
	return group.New(group.Settings{
		Group: cfg.Name, Topic: cfg.Topic.Name, Shards: e.cfg.Shards,
		Session: cfg.SessionTimeout, Rebalance: cfg.RebalanceTimeout, Heartbeat: cfg.HeartbeatInterval, Drain: cfg.Drain,
		GoOn: cfg.WhenAway == WhenAwayGoOn, Create: cfg.Topic.Create, Replicas: cfg.Topic.ReplicationFactor,
		Instance: cmp.Or(cfg.Instance, host), Life: hex.EncodeToString(life[:]),
		Logger: e.set.Logger, Now: time.Now, Breakage: e.options.breakage, Reader: e.options.reader,
	}, &observer{extension: e}, &e.parts, append(opts, e.options.client...))
}

// Ready implements extensioncapabilities.PipelineWatcher: all parts have joined.
func (e *shardsExtension) Ready() error {
	e.parts.Begin()
	if e.member != nil {
		e.member.Start()
	}
	return nil
}

// stopFor bounds how long NotReady takes: a service manager ends what takes much longer.
const stopFor = 15 * time.Second

// NotReady implements extensioncapabilities.PipelineWatcher: shards are given away while all pipelines still run.
func (e *shardsExtension) NotReady() error {
	if e.member != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopFor)
		defer cancel()
		e.member.Stop(ctx)
	}
	return nil
}

// Shutdown implements component.Component.
func (e *shardsExtension) Shutdown(context.Context) error {
	e.stop.Do(func() {
		if e.member != nil {
			_ = e.NotReady() // a Collector whose start failed was never told
			e.member.Close()
		}
		e.telemetry.Shutdown()
	})
	return nil
}

// Count implements shard.Membership.
func (e *shardsExtension) Count() int { return e.cfg.Shards }

// Owns implements shard.Membership.
func (e *shardsExtension) Owns(shard int) (epoch uint64, ok bool) { return e.member.Owns(shard) }

// Holds implements shard.Membership.
func (e *shardsExtension) Holds(shard int, epoch uint64) bool { return e.member.Holds(shard, epoch) }

// Join implements shard.Membership.
func (e *shardsExtension) Join(p shard.Part) (leave func(), err error) { return e.parts.Join(p) }

// Seed implements shard.Membership.
func (e *shardsExtension) Seed() (seed [16]byte, ok bool) { return e.member.Seed() }

// Announce implements shard.Membership. Where several parts know resources, what is told to others is a hash of theirs.
func (e *shardsExtension) Announce(part, resources string) {
	e.announced.Lock()
	defer e.announced.Unlock()
	if e.announced.byPart == nil {
		e.announced.byPart = map[string]string{}
	}
	e.announced.byPart[part] = resources
	if len(e.announced.byPart) > 1 {
		sum := sha256.New()
		for _, name := range slices.Sorted(maps.Keys(e.announced.byPart)) {
			fmt.Fprintf(sum, "%q %q ", name, e.announced.byPart[name])
		}
		resources = hex.EncodeToString(sum.Sum(nil)[:6])
	}
	e.member.Announce(resources)
}

// View implements shardgroup.Viewer.
func (e *shardsExtension) View(ctx context.Context) (group string, view *shardgroup.View, err error) {
	if e.group == nil {
		return "", nil, nil
	}
	cfg := e.cfg.Group.Get()
	view, err = shardgroup.Describe(ctx, e.group.Client(), cfg.Name, cfg.Topic.Name)
	return cfg.Name, view, err
}

// observe lets the metrics about what is held be read.
func (e *shardsExtension) observe() error {
	name := "static"
	if e.group != nil {
		name = e.cfg.Group.Get().Name
	}
	of := with("group", name)
	err := e.telemetry.RegisterPanoptesShardsCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(e.cfg.Shards), of)
		return nil
	})
	if err != nil {
		return err
	}
	err = e.telemetry.RegisterPanoptesShardsOwnedCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(e.member.Owned()), of)
		return nil
	})
	if err != nil || e.group == nil {
		return err
	}
	return e.telemetry.RegisterPanoptesShardsLeaseCallback(func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(e.group.LeaseLeft().Seconds(), of)
		return nil
	})
}

// health reports what keeps this member from owning shards, and that it is over.
func (e *shardsExtension) health(err error) {
	if err == nil {
		e.set.Logger.Info("The lease of shards is good")
		componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
		return
	}
	e.set.Logger.Error("No shards can be owned", zap.Error(err),
		zap.String("next", "look at the brokers, and at the extension's brokers, tls, auth and topic; it goes on by itself"))
	componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(err))
}
