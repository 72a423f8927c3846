package panoptesredisextension

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension/internal/redisstore"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/tlsfiles"
)

// redisExtension is a hostapi.Shared in Redis, which receivers find by the extension's id.
type redisExtension struct {
	*redisstore.Store // from Start on

	cfg       *Config
	telemetry *metadata.TelemetryBuilder
	health    *health
	stop      sync.Once
	stopped   error
}

var (
	_ extension.Extension = (*redisExtension)(nil)
	_ hostapi.Shared      = (*redisExtension)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*redisExtension, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &redisExtension{
		cfg: cfg, telemetry: telemetry, health: &health{logger: logs.WithoutStacks(set.Logger), endpoint: cfg.Endpoint},
	}, nil
}

// Start implements component.Component. It does not wait for Redis: a Collector whose Redis is away starts, and says so.
func (e *redisExtension) Start(ctx context.Context, host component.Host) error {
	options := redis.Options{
		Addr: e.cfg.Endpoint, Username: e.cfg.Username, Password: string(e.cfg.Password), DB: e.cfg.DB,
		PoolSize: e.cfg.PoolSize,
	}
	if config := e.cfg.TLS.Get(); config != nil {
		loaded, err := tlsfiles.Client(ctx, *config)
		if err == nil {
			options.TLSConfig, err = loaded.LoadTLSConfig(ctx)
		}
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	e.health.attach(host)
	e.Store = redisstore.New(redisstore.Settings{
		Redis: options, Prefix: e.cfg.Prefix, Timeout: e.cfg.Timeout, Called: e.called, Changed: e.health.changed,
	})
	e.Store.Start()
	return e.telemetry.RegisterPanoptesRedisAvailableCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(e.health.available())
		return nil
	})
}

// called counts a call.
func (e *redisExtension) called(ctx context.Context, op redisstore.Operation, reason redisstore.Reason, took time.Duration) {
	operation := attribute.String("operation", string(op))
	e.telemetry.PanoptesRedisCallDuration.Record(ctx, took.Seconds(), metric.WithAttributeSet(attribute.NewSet(operation)))
	if reason != "" {
		e.telemetry.PanoptesRedisCallsFailed.Add(ctx, 1,
			metric.WithAttributeSet(attribute.NewSet(operation, attribute.String("reason", string(reason)))))
	}
}

// Shutdown implements component.Component. It does not wait for Redis.
func (e *redisExtension) Shutdown(context.Context) error {
	e.stop.Do(func() {
		e.health.attach(nil)
		if e.Store != nil {
			e.stopped = e.Store.Close()
		}
		e.telemetry.Shutdown()
	})
	return e.stopped
}
