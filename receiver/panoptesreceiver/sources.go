package panoptesreceiver

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
	"github.com/panoptes-otel/panoptes-otel/internal/resource"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/sources"
)

// openStore makes the store of resources, and returns its sources. Plugins that discover resources open sources of their own.
// ctx is for reading TLS files and the like.
func (r *panoptesReceiver) openStore(ctx context.Context, host component.Host) (providers []resource.Provider, err error) {
	cfg := &r.cfg.Resources
	settings, err := cfg.storeSettings()
	if err != nil {
		return nil, err
	}
	settings.Logger, settings.Changed, settings.Left = r.logger, r.resourcesChanged, r.resourcesLeft
	r.store = store.New(settings)
	r.tasks.store = r.store
	if len(cfg.Files)+len(cfg.Inline)+len(cfg.HTTP) == 0 && cfg.Kafka == nil {
		r.logger.Warn("The receiver has no sources of resources, so that only plugins that discover some run")
	}
	s := sourceSettings{
		cfg: cfg, settle: r.cfg.Plugins.Settle, host: host, telemetry: r.set.TelemetrySettings,
		logger: r.logger, failed: r.reloadError("resources"), listed: func() {},
	}
	if cfg.Kafka != nil && cfg.Kafka.Publish {
		options, err := kafkaclient.Options(ctx, &cfg.Kafka.Client, host, r.logger)
		if err == nil {
			r.sets, err = sources.NewSetWriter(cfg.Kafka.Topics, options)
		}
		if err != nil {
			return nil, fmt.Errorf("resources::kafka: %w", err)
		}
	}
	if providers, err = s.open(ctx); err != nil && r.sets != nil {
		r.sets.Close()
	}
	return providers, err
}

// storeSettings are which of the resources count.
func (c *ResourcesConfig) storeSettings() (store.Settings, error) {
	settings := store.Settings{Sample: c.Sample}
	if c.Filter != "" {
		var err error
		if settings.Filter, err = filter.Parse(c.Filter); err != nil {
			return settings, fmt.Errorf("resources::filter: %w", err)
		}
	}
	return settings, nil
}

// sourceSettings are what the sources of a configuration need.
type sourceSettings struct {
	cfg       *ResourcesConfig
	settle    time.Duration
	host      component.Host
	telemetry component.TelemetrySettings
	logger    *zap.Logger
	failed    func() // is called for each list that is broken
	listed    func() // is called once by each source, when it has listed resources for the first time or could not
}

// open opens those of the configuration.
func (s *sourceSettings) open(ctx context.Context) (providers []resource.Provider, err error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	providers = append(providers, files)
	if len(s.cfg.Inline) > 0 {
		providers = append(providers, &sources.Inline{Resources: s.cfg.InlineResources(), Refresh: s.cfg.ScanInterval, Listed: s.listed})
	}
	for i := range s.cfg.HTTP {
		source, err := s.http(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("resources::http::%d: %w", i, err)
		}
		providers = append(providers, source)
	}
	if s.cfg.Kafka != nil { // last: it has connections to close
		source, err := s.kafka(ctx)
		if err != nil {
			return nil, fmt.Errorf("resources::kafka: %w", err)
		}
		providers = append(providers, source)
	}
	return providers, nil
}

// files makes paths absolute, so that log lines and people mean the same by them.
func (s *sourceSettings) files() (*sources.Files, error) {
	settings := sources.FileSettings{
		Defaults: s.cfg.Defaults.Resource(), Settle: s.settle, ScanInterval: s.cfg.ScanInterval,
		Logger: s.logger, Failed: s.failed, Listed: s.listed,
	}
	for _, pattern := range s.cfg.Files {
		path, err := filepath.Abs(pattern)
		if err != nil {
			return nil, fmt.Errorf("resources::files: %q: %w", pattern, err)
		}
		settings.Files = append(settings.Files, path)
	}
	return sources.NewFiles(settings), nil
}

func (s *sourceSettings) http(ctx context.Context, i int) (*sources.HTTP, error) {
	cfg := &s.cfg.HTTP[i]
	at, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	client, err := cfg.Client.ToClient(ctx, s.host.GetExtensions(), s.telemetry)
	if err != nil {
		return nil, err
	}
	var elsewhere http.RoundTripper
	if cfg.FollowOtherHosts {
		bare := cfg.Client
		bare.Auth, bare.Headers, bare.Cookies = configoptional.None[configauth.Config](), nil, configoptional.None[confighttp.CookiesConfig]()
		bare.TLS.CertFile, bare.TLS.KeyFile, bare.TLS.CertPem, bare.TLS.KeyPem = "", "", "", ""
		other, err := bare.ToClient(ctx, s.host.GetExtensions(), s.telemetry)
		if err != nil {
			return nil, err
		}
		elsewhere = other.Transport
	}
	sources.KeepTo(client, at, elsewhere)
	return sources.NewHTTP(sources.HTTPSettings{
		URL: at, Defaults: cfg.Defaults.over(s.cfg.Defaults.Resource()), Interval: cfg.Interval, MaxSize: cfg.MaxSize, Client: client,
		Order: i, Logger: s.logger, Failed: s.failed, Listed: s.listed,
	}), nil
}

func (s *sourceSettings) kafka(ctx context.Context) (*sources.Kafka, error) {
	cfg := s.cfg.Kafka
	options, err := kafkaclient.Options(ctx, &cfg.Client, s.host, s.logger)
	if err != nil {
		return nil, err
	}
	return sources.NewKafka(sources.KafkaSettings{
		Topics: cfg.Topics, Options: options, Logger: s.logger, Failed: s.failed, Listed: s.listed,
	})
}

// resourcesChanged takes all resources that there are now.
func (r *panoptesReceiver) resourcesChanged(all []*pluginsdk.Resource) {
	r.tasks.setResources(all)
	if r.resourceKeys != nil {
		r.resourceKeys.Set(all)
	}
}

// resourcesLeft counts resources that left.
func (r *panoptesReceiver) resourcesLeft(reason store.Reason, n int) {
	r.telemetry.PanoptesResourcesLeft.Add(context.Background(), int64(n),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", string(reason)))))
}
