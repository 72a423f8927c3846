package panoptesreceiver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Finding is how FindResources goes about it.
type Finding struct {
	// Host has the extensions that connections need.
	Host component.Host
	// Telemetry has the logger that is told what is wrong with a source.
	Telemetry component.TelemetrySettings
	// Ask asks HTTP servers and Kafka, too.
	Ask bool
	// Asked says that a running Collector is asked for what extensions find: there is nothing to warn of.
	Asked bool
	// More is listed besides what the configuration names, as if a plugin had discovered it.
	More []*pluginsdk.Resource
}

// FindResources returns the resources that a receiver of this configuration would have, and the state of their sources: by
// the receiver's own code, once. Sources that have not answered when ctx ends have an error. What extensions find is not among them.
func (c *Config) FindResources(ctx context.Context, how Finding) ([]*pluginsdk.Resource, []store.SourceStatus, error) {
	entries, states, err := c.FindEntries(ctx, how)
	all := make([]*pluginsdk.Resource, len(entries))
	for i := range entries {
		all[i] = entries[i].Resource
	}
	return all, states, err
}

// FindEntries is FindResources, with who lists each resource.
func (c *Config) FindEntries(ctx context.Context, how Finding) ([]store.Entry, []store.SourceStatus, error) {
	settings, err := c.Resources.storeSettings()
	if err != nil {
		return nil, nil, err
	}
	settings.Logger = how.Telemetry.Logger
	found := store.New(settings)
	cfg := c.Resources
	if !how.Ask {
		cfg.HTTP, cfg.HTTPSD, cfg.Kafka = nil, nil, nil
	}
	if len(cfg.Discovery) > 0 && !how.Asked {
		how.Telemetry.Logger.Warn("What extensions find, a running Collector alone knows", zap.Stringers("extensions", cfg.Discovery),
			zap.String("next", "panoptes resources list --config asks it"))
	}
	cfg.Discovery = nil
	listed := make(chan struct{}, 1+cfg.sources()) // files are one even if there are none
	s := sourceSettings{
		cfg: &cfg, host: how.Host, telemetry: how.Telemetry, logger: how.Telemetry.Logger, failed: func() {},
		listed: func() { listed <- struct{}{} },
	}
	providers, err := s.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(how.More) > 0 {
		found.Open(store.Place{Kind: store.KindDiscovery}).Set(how.More, time.Now())
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for _, one := range providers {
		running.Go(func() { one.Run(life, found) })
	}
	late := false
	for range providers {
		select {
		case <-ctx.Done():
			late = true
		case <-listed:
		}
	}
	found.Join()
	states, all := found.Sources(), found.Entries()
	cancel()
	running.Wait()
	if late {
		how.Telemetry.Logger.Error("Not all sources of resources have answered in time", zap.Error(ctx.Err()))
		states = append(states, store.SourceStatus{
			Place: store.Place{Kind: store.KindKafka}, Failed: time.Now(),
			Error: fmt.Sprintf("not all sources have answered in time: %v", ctx.Err()),
		})
	}
	return all, states, nil
}

// PluginContext is what plugins see of the configuration, and what of that nobody should read in a log. Panoptes' default
// community is no secret.
func (c *Config) PluginContext() (seen wire.Context, hidden []string) {
	seen = wire.Context{Sites: c.Context.Sites, SNMP: c.Context.SNMP.values(), X509: c.Context.X509.values()}
	if community := string(c.Context.SNMP.Community); community != defaultCommunity {
		hidden = append(hidden, community)
	}
	rules, _ := c.Plugins.Rules() // an error is told where the configuration is validated
	for _, r := range rules {
		hidden = append(hidden, pluginfile.SecretValues(r.Config, pluginfile.TellingSecret)...)
	}
	return seen, hidden
}

// values is what plugins see as context.snmp, by Panoptes' names. Secrets are not among them: the host has them, and asks devices.
func (c *SNMPConfig) values() map[string]any {
	return map[string]any{
		"connection_factory_module": c.ConnectionFactoryModule,
		"connection_factory_class":  c.ConnectionFactoryClass,
		"community":                 defaultCommunity,
		"timeout":                   c.Timeout,
		"retries":                   c.Retries,
		"non_repeaters":             c.NonRepeaters,
		"max_repetitions":           c.MaxRepetitions,
		"port":                      c.Port,
		"proxy_port":                c.ProxyPort,
		"community_string_key":      c.CommunityStringKey,
	}
}

// values is what plugins see as context.x509, by Panoptes' names.
func (c *X509Config) values() map[string]any {
	return map[string]any{
		"x509_cert_location":    c.CertLocation,
		"x509_cert_filename":    c.CertFilename,
		"x509_key_location":     c.KeyLocation,
		"x509_key_filename":     c.KeyFilename,
		"x509_secured_requests": c.SecuredRequests,
	}
}
