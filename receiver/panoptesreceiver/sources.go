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
	"github.com/panoptes-otel/panoptes-otel/internal/resource/targets"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/internal/tlsfiles"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/sources"
)

// openSources opens the sources of resources. Plugins that discover resources open sources of their own. ctx is for reading TLS
// files and the like.
func (r *panoptesReceiver) openSources(ctx context.Context, host component.Host) (providers []resource.Provider, err error) {
	cfg := &r.cfg.Resources
	if cfg.sources() == 0 {
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
	if r.publisher, err = r.openPublisher(ctx, host); err != nil {
		r.closeWriters()
		return nil, fmt.Errorf("resources::publish: %w", err)
	}
	if providers, err = s.open(ctx); err != nil {
		r.closeWriters()
	}
	return providers, err
}

// openPublisher returns nil where resources are not published.
func (r *panoptesReceiver) openPublisher(ctx context.Context, host component.Host) (*sources.Publisher, error) {
	cfg := r.cfg.Resources.Publish
	if cfg == nil {
		return nil, nil
	}
	options, err := kafkaclient.Options(ctx, &cfg.Client, host, r.logger)
	if err != nil {
		return nil, err
	}
	return sources.NewPublisher(sources.PublisherSettings{
		Options: options, Interval: cfg.Interval, Elsewhere: r.sets != nil, Logger: r.logger,
		Owns: r.publishes,
		Sent: func(sets int) { r.telemetry.PanoptesPublishedResourceSets.Add(context.Background(), int64(sets)) },
		Unsent: func(reason sources.Unsent, sets int) {
			r.telemetry.PanoptesUnpublishedResourceSets.Add(context.Background(), int64(sets),
				metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", string(reason)))))
		},
	})
}

// publishes says whether the sets of a plugin are this Collector's to send: with sharding its name has one owner.
func (r *panoptesReceiver) publishes(plugin string) bool {
	if r.sharding == nil {
		return true
	}
	_, ok := r.sharding.Owns(shard.Of(plugin, r.sharding.Count()))
	return ok
}

// closeWriters ends what writes resource sets.
func (r *panoptesReceiver) closeWriters() {
	if r.sets != nil {
		r.sets.Close()
	}
	if r.publisher != nil {
		r.publisher.Close()
	}
}

// sources is how many sources of resources the configuration names.
func (c *ResourcesConfig) sources() int {
	n := len(c.Files) + len(c.Inline) + len(c.HTTP) + len(c.FileSD) + len(c.HTTPSD) + len(c.Discovery)
	if c.Kafka != nil {
		n++
	}
	return n
}

// storeSettings are which of the resources count.
func (c *ResourcesConfig) storeSettings() (store.Settings, error) {
	settings := store.Settings{Sample: c.Sample, MaxShrink: c.MaxShrink}
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
	files, err := s.files(s.cfg.Files, store.KindFile, 0, sources.Resources(s.cfg.Defaults.Resource()))
	if err != nil {
		return nil, fmt.Errorf("resources::files: %w", err)
	}
	providers = append(providers, files)
	for i := range s.cfg.FileSD {
		files, err := s.files(s.cfg.FileSD[i].Files, store.KindFileSD, i<<20, s.cfg.FileReader(i).ReadFile)
		if err != nil {
			return nil, fmt.Errorf("resources::file_sd::%d: %w", i, err)
		}
		providers = append(providers, files)
	}
	if len(s.cfg.Inline) > 0 {
		providers = append(providers, &sources.Inline{Resources: s.cfg.InlineResources(), Refresh: s.cfg.ScanInterval, Listed: s.listed})
	}
	servers, err := s.servers(ctx)
	if err != nil {
		return nil, err
	}
	providers = append(providers, servers...)
	for i, id := range s.cfg.Discovery {
		found, err := resource.FindDiscovery(s.host, id)
		if err != nil {
			return nil, fmt.Errorf("resources::discovery: %w", err)
		}
		providers = append(providers, found.Provider(resource.DiscoverySettings{
			Order: i, Defaults: s.cfg.Defaults.Resource(), Failed: s.failed, Listed: s.listed,
		}))
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
func (s *sourceSettings) files(files []string, kind store.Kind, order int, read sources.ReadFile) (*sources.Files, error) {
	settings := sources.FileSettings{
		Read: read, Kind: kind, Order: order, Settle: s.settle, ScanInterval: s.cfg.ScanInterval,
		Logger: s.logger, Failed: s.failed, Listed: s.listed,
	}
	for _, pattern := range files {
		path, err := filepath.Abs(pattern)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", pattern, err)
		}
		settings.Files = append(settings.Files, path)
	}
	return sources.NewFiles(settings), nil
}

// servers opens http and http_sd.
func (s *sourceSettings) servers(ctx context.Context) (providers []resource.Provider, err error) {
	for i := range s.cfg.HTTP {
		cfg := &s.cfg.HTTP[i]
		settings := sources.HTTPSettings{
			Kind: store.KindHTTP, Order: i, Accept: sources.AcceptResources,
			Read: sources.ResourceAnswers(cfg.Defaults.over(s.cfg.Defaults.Resource())),
		}
		source, err := s.http(ctx, cfg, settings)
		if err != nil {
			return nil, fmt.Errorf("resources::http::%d: %w", i, err)
		}
		providers = append(providers, source)
	}
	for i := range s.cfg.HTTPSD {
		cfg := &s.cfg.HTTPSD[i]
		settings := sources.HTTPSettings{
			Kind: store.KindHTTPSD, Order: i, Accept: sources.AcceptTargets,
			Read: sources.TargetAnswers(targets.Reader{Labels: cfg.Labels, Defaults: cfg.Server.Defaults.over(s.cfg.Defaults.Resource())}),
		}
		source, err := s.http(ctx, &cfg.Server, settings)
		if err != nil {
			return nil, fmt.Errorf("resources::http_sd::%d: %w", i, err)
		}
		providers = append(providers, source)
	}
	return providers, nil
}

// http opens a server. settings say what it lists.
func (s *sourceSettings) http(ctx context.Context, cfg *HTTPConfig, settings sources.HTTPSettings) (*sources.HTTP, error) {
	at, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	settled := cfg.Client
	if settled.TLS, err = tlsfiles.Client(ctx, settled.TLS); err != nil {
		return nil, fmt.Errorf("client::tls::%w", err)
	}
	client, err := settled.ToClient(ctx, s.host.GetExtensions(), s.telemetry)
	if err != nil {
		return nil, err
	}
	var elsewhere http.RoundTripper
	if cfg.FollowOtherHosts {
		bare := settled
		bare.Auth, bare.Headers, bare.Cookies = configoptional.None[configauth.Config](), nil, configoptional.None[confighttp.CookiesConfig]()
		bare.TLS.CertFile, bare.TLS.KeyFile, bare.TLS.CertPem, bare.TLS.KeyPem = "", "", "", ""
		other, err := bare.ToClient(ctx, s.host.GetExtensions(), s.telemetry)
		if err != nil {
			return nil, err
		}
		elsewhere = other.Transport
	}
	sources.KeepTo(client, at, elsewhere)
	settings.URL, settings.Interval, settings.MaxSize, settings.Client = at, cfg.Interval, cfg.MaxSize, client
	settings.Logger, settings.Failed, settings.Listed = s.logger, s.failed, s.listed
	for _, value := range cfg.Client.Headers.Iter {
		settings.Secrets = append(settings.Secrets, string(value))
	}
	return sources.NewHTTP(settings), nil
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
	r.known.Set(all)
	r.tasks.SetResources(all)
	if r.resourceKeys != nil {
		r.resourceKeys.Set(all)
	}
}

// resourcesLeft counts resources that left.
func (r *panoptesReceiver) resourcesLeft(reason store.Reason, n int) {
	r.telemetry.PanoptesResourcesLeft.Add(context.Background(), int64(n),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", string(reason)))))
}
