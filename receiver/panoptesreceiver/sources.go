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

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/catalogue"
)

// openStore makes the store of resources, and returns what keeps its sources: functions that go on until their context
// ends. Plugins that discover resources open sources of their own. ctx is for reading TLS files and the like.
func (r *panoptesReceiver) openStore(ctx context.Context, host component.Host) (run []func(context.Context), err error) {
	cfg := &r.cfg.Resources
	settings := store.Settings{Sample: cfg.Sample, Logger: r.logger, Changed: r.resourcesChanged, Left: r.resourcesLeft}
	if cfg.Filter != "" {
		if settings.Filter, err = filter.Parse(cfg.Filter); err != nil {
			return nil, fmt.Errorf("resources::filter: %w", err)
		}
	}
	r.store = store.New(settings)
	r.tasks.store = r.store
	if len(cfg.Files)+len(cfg.Inline)+len(cfg.HTTP) == 0 && cfg.Kafka == nil {
		r.logger.Warn("The receiver has no sources of resources, so that only plugins that discover some run")
	}
	files, err := r.files()
	if err != nil {
		return nil, err
	}
	run = append(run, files.Run)
	if len(cfg.Inline) > 0 {
		run = append(run, r.inline)
	}
	for i := range cfg.HTTP {
		source, err := r.http(ctx, host, i)
		if err != nil {
			return nil, fmt.Errorf("resources::http::%d: %w", i, err)
		}
		run = append(run, source.Run)
	}
	if cfg.Kafka != nil { // last: it has connections to close
		source, err := r.kafka(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("resources::kafka: %w", err)
		}
		run = append(run, source.Run)
	}
	return run, nil
}

// files makes paths absolute, so that log lines and people mean the same by them.
func (r *panoptesReceiver) files() (*catalogue.Files, error) {
	settings := catalogue.FileSettings{
		Settle: r.cfg.Plugins.Settle, ScanInterval: r.cfg.Resources.ScanInterval, Store: r.store,
		Logger: r.logger, Failed: r.reloadError("resources"),
	}
	for _, pattern := range r.cfg.Resources.Files {
		path, err := filepath.Abs(pattern)
		if err != nil {
			return nil, fmt.Errorf("resources::files: %q: %w", pattern, err)
		}
		settings.Files = append(settings.Files, path)
	}
	return catalogue.NewFiles(settings), nil
}

// inline lists the resources of the configuration, for as long as it is in force.
func (r *panoptesReceiver) inline(ctx context.Context) {
	source := r.store.Open(store.Place{Kind: store.KindInline})
	source.Set(r.cfg.Resources.InlineResources(), time.Now())
	ticker := time.NewTicker(r.cfg.Resources.ScanInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			source.Refresh(time.Now())
		}
	}
}

func (r *panoptesReceiver) http(ctx context.Context, host component.Host, i int) (*catalogue.HTTP, error) {
	cfg := &r.cfg.Resources.HTTP[i]
	at, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	client, err := cfg.Client.ToClient(ctx, host.GetExtensions(), r.set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	var elsewhere http.RoundTripper
	if cfg.FollowOtherHosts {
		bare := cfg.Client
		bare.Auth, bare.Headers, bare.Cookies = configoptional.None[configauth.Config](), nil, configoptional.None[confighttp.CookiesConfig]()
		bare.TLS.CertFile, bare.TLS.KeyFile, bare.TLS.CertPem, bare.TLS.KeyPem = "", "", "", ""
		other, err := bare.ToClient(ctx, host.GetExtensions(), r.set.TelemetrySettings)
		if err != nil {
			return nil, err
		}
		elsewhere = other.Transport
	}
	catalogue.KeepTo(client, at, elsewhere)
	return catalogue.NewHTTP(catalogue.HTTPSettings{
		URL: at, Interval: cfg.Interval, MaxSize: cfg.MaxSize, Client: client,
		Source: r.store.Open(store.Place{Kind: store.KindHTTP, Order: i, Name: catalogue.DisplayURL(at)}),
		Logger: r.logger, Failed: r.reloadError("resources"),
	}), nil
}

func (r *panoptesReceiver) kafka(ctx context.Context, host component.Host) (*catalogue.Kafka, error) {
	cfg := r.cfg.Resources.Kafka
	options, err := kafkaclient.Options(ctx, &cfg.Client, host, r.logger)
	if err != nil {
		return nil, err
	}
	return catalogue.NewKafka(catalogue.KafkaSettings{
		Topics: cfg.Topics, Options: options, Store: r.store, Logger: r.logger, Failed: r.reloadError("resources"),
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
