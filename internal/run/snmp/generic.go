package snmp

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/generic"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// genericPoller is Panoptes' generic SNMP polling plugin. Devices with the same configuration share one that was read.
type genericPoller struct {
	statusMetric string
	fromFile     *generic.Configuration // as it was at loading, nil without a file

	mu    sync.Mutex
	known map[configurationKey]*generic.Configuration
}

// configurationKey is the hash of a version of the schema and a text.
type configurationKey [sha256.Size]byte

// mostConfigurations is how many configurations are kept; one more, and all are read again.
const mostConfigurations = 1024

// Options of the plugin file (docs/panoptes/snmp.md, section 3).
const (
	optionNamespace = "namespace"
	optionStatus    = "polling_status_metric_name"
	optionVersion   = "enrichment_schema_version"
	defaultVersion  = "0.1"
)

func newGeneric() *genericPoller {
	return &genericPoller{known: map[configurationKey]*generic.Configuration{}}
}

// compileGeneric reads the options, and the configuration if it is in a file.
func compileGeneric(p *plugin.Plugin) (poller, []string, error) {
	g := newGeneric()
	main := p.File.Config["main"]
	for _, option := range []string{optionNamespace, optionStatus} {
		if main[option] == "" {
			return nil, nil, fmt.Errorf("[main] %s is missing: the module %s needs it", option, p.Module)
		}
	}
	g.statusMetric = main[optionStatus]
	enrichment := p.File.Config["enrichment"]
	if enrichment["file"] == "" || enrichment["preload"] != "" {
		return g, nil, nil
	}
	c, err := g.read(context.Background(), filepath.Dir(p.File.Path), main, enrichment["file"])
	if err != nil {
		return g, []string{err.Error()}, nil // the file may come
	}
	g.fromFile = c
	notices := c.Notices()
	for i, n := range notices {
		notices[i] = enrichment["file"] + ": " + n
	}
	return g, notices, nil
}

// describe implements poller. What a configuration in the enrichment makes is not known before.
func (g *genericPoller) describe() []pluginsdk.GroupContract {
	if g.fromFile == nil {
		return nil
	}
	return g.fromFile.Describe(g.statusMetric)
}

// poll implements poller.
func (g *genericPoller) poll(ctx context.Context, p *polling) run.Result {
	handler := runlog.NewHandler(p.runtime.Logger, p.runtime.Budget, p.Lines, p.Log != nil)
	groups, err := g.groups(ctx, p.runtime, &genericRun{
		resource: p.Resource, config: p.Settings(), folder: filepath.Dir(p.Plugin.File.Path),
		interval: int(p.Plugin.GroupInterval().Seconds()), now: p.Now(), log: slog.New(&handler),
	})
	switch {
	case err != nil:
		return p.Failed(run.OutcomeRaised, err)
	case ctx.Err() != nil:
		return p.GivenUp(nil)
	}
	return p.Groups(groups)
}

// genericRun is a run of the generic plugin.
type genericRun struct {
	resource *pluginsdk.Resource
	config   pluginsdk.Config
	folder   string // of the plugin file, "" where it is not known
	interval int
	now      pluginsdk.Number
	log      *slog.Logger
}

// groups polls. The error is what the plugin raises.
func (g *genericPoller) groups(ctx context.Context, r *Runtime, one *genericRun) ([]*pluginsdk.MetricsGroup, error) {
	main := one.config["main"]
	for _, option := range []string{optionNamespace, optionStatus} {
		if _, there := main[option]; !there {
			return nil, &run.PluginError{Type: "KeyError", Message: "'" + option + "'"}
		}
	}
	preload, err := preloads(one.config["enrichment"])
	if err != nil {
		return nil, &run.PluginError{Type: "PanoptesEnrichmentCacheError", Message: err.Error()}
	}
	var target engine.Target
	poll := generic.Poll{
		Resource: one.resource, Interval: one.interval, Now: one.now, Log: one.log,
		Namespace: main[optionNamespace], StatusMetric: main[optionStatus], Repetitions: one.config["snmp"]["max_repetitions"],
		Connect: func(ctx context.Context) (err error) {
			target, err = r.connect(ctx, one.resource, one.config)
			return err
		},
		Configuration: func(ctx context.Context) (*generic.Configuration, error) {
			return g.configuration(ctx, r, one, preload)
		},
		Ask: func(ctx context.Context, asked *engine.Request) *engine.Result {
			return r.Devices.Do(ctx, &target, asked)
		},
		Ping: func(ctx context.Context) error { return r.ping(ctx, one.resource) },
	}
	return poll.Run(ctx), nil
}

// connect is what Panoptes' connection factory checks before the first request. Port and times are the receiver's, whatever
// the plugin file says, as in Panoptes.
func (r *Runtime) connect(ctx context.Context, res *pluginsdk.Resource, config pluginsdk.Config) (engine.Target, error) {
	if err := r.x509(config["x509"]); err != nil {
		return engine.Target{}, err
	}
	if proxies, _ := res.Metadata.Get("snmp_proxy_hosts"); proxies != "" {
		return engine.Target{}, fmt.Errorf("%w: there is no client for the SNMP proxies in snmp_proxy_hosts of %q", engine.ErrUnreachable, res.Endpoint)
	}
	target, err := r.Devices.Target(ctx, res, devices.Wish{
		Community: engine.Secret(config["snmp"]["community"]), CommunityKey: config["snmp"]["community_string_key"],
	})
	if err == nil {
		err = r.Devices.Resolve(ctx, &target)
	}
	return target, err
}

// preloads says whether [enrichment] has something to preload. The error is why no run begins.
func preloads(section map[string]string) (bool, error) {
	preload, has := section["preload"]
	_, file := section["file"]
	switch {
	case len(section) == 0, !has && file:
		return false, nil
	case !has:
		return false, errors.New("[enrichment] preload is missing")
	}
	some := false
	for item := range strings.SplitSeq(preload, ",") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		if some = true; !strings.Contains(item, ":") {
			return false, fmt.Errorf("[enrichment] preload: %q must be RESOURCE:NAMESPACE", strings.TrimSpace(item))
		}
	}
	return some || !file, nil
}

// configuration finds what to poll: in the enrichment of the resource, or in a file.
func (g *genericPoller) configuration(ctx context.Context, r *Runtime, one *genericRun, preload bool) (*generic.Configuration, error) {
	main, enrichment := one.config["main"], one.config["enrichment"]
	preload = preload && len(enrichment) > 0
	switch file := enrichment["file"]; {
	case preload && file != "":
		return nil, errors.New("PanoptesPluginConfigurationError: Enrichment defined in both config and via Key-Value store")
	case preload:
		text, err := r.enrichment(ctx, one.resource, main[optionNamespace])
		if err != nil {
			return nil, err
		}
		return g.parsed(text, version(main))
	case file == "":
		return nil, errors.New("PanoptesPluginConfigurationError: Enrichment file not specified in configuration file")
	default:
		return g.read(ctx, one.folder, main, file)
	}
}

func version(main map[string]string) string {
	if v, there := main[optionVersion]; there {
		return v
	}
	return defaultVersion
}

// enrichment is the value of the resource's endpoint in a namespace of its enrichment.
func (r *Runtime) enrichment(ctx context.Context, res *pluginsdk.Resource, namespace string) ([]byte, error) {
	stored, err := r.Enrichment.Find(ctx, res.ID, namespace)
	if err != nil {
		return nil, fmt.Errorf("%w: resource self, namespace %s: %w", generic.ErrEnrichment, namespace, err)
	}
	var value struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(stored, &value); err != nil {
		return nil, fmt.Errorf("%w: resource self, namespace %s: %w", generic.ErrEnrichment, namespace, err)
	}
	text, there := value.Data[res.Endpoint]
	if !there {
		return nil, fmt.Errorf("%w: resource self, namespace %s: there is nothing of %q", generic.ErrEnrichment, namespace, res.Endpoint)
	}
	return text, nil
}

// read reads a configuration from a file, which may have changed.
func (g *genericPoller) read(ctx context.Context, folder string, main map[string]string, file string) (*generic.Configuration, error) {
	path := file
	if folder != "" && !filepath.IsAbs(path) {
		if beside := filepath.Join(folder, path); exists(beside) {
			path = beside
		}
	}
	text, err := safefile.Read(ctx, path, maxDocument)
	if err != nil {
		return nil, fmt.Errorf("%w: Failure trying to read JSON from file %s: %w", generic.ErrEnrichment, file, err)
	}
	c, err := g.parsed(text, version(main))
	if err != nil {
		return nil, fmt.Errorf("%w: Failure trying to read JSON from file %s: %w", generic.ErrEnrichment, file, err)
	}
	return c, nil
}

// parsed returns what was read of a text before, or reads it.
func (g *genericPoller) parsed(text []byte, version string) (*generic.Configuration, error) {
	key := sha256.Sum256(append([]byte(version+"\x00"), text...))
	g.mu.Lock()
	c := g.known[key]
	g.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := generic.ParseConfiguration(text, version)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= mostConfigurations {
		clear(g.known)
	}
	g.known[key] = c
	return c, nil
}
