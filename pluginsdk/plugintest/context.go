package plugintest

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Context is a plugin's context with a look at what the plugin did to it.
type Context struct {
	*pluginsdk.PluginContext

	logs *logBuffer
}

// Option changes what NewContext makes.
type Option func(*pluginsdk.PluginContext)

// WithResource sets the resource; see Resource.
func WithResource(r *pluginsdk.Resource) Option {
	return func(pc *pluginsdk.PluginContext) { pc.Resource = r }
}

// WithConfig sets the plugin file's sections and options.
func WithConfig(c pluginsdk.Config) Option {
	return func(pc *pluginsdk.PluginContext) { pc.Config = c }
}

// WithInterval sets the time between two runs (default one minute).
func WithInterval(d time.Duration) Option {
	return func(pc *pluginsdk.PluginContext) { pc.Interval = d }
}

// WithSites sets the sites that the receiver is configured for (default the resource's).
func WithSites(sites ...string) Option {
	return func(pc *pluginsdk.PluginContext) { pc.Sites = sites }
}

// WithSecrets sets secrets by name and site; the site "default" is for all others (default none).
func WithSecrets(secrets map[string]map[string]string) Option {
	return func(pc *pluginsdk.PluginContext) { pc.Secrets = secretsMap(secrets) }
}

// WithKV sets the key-value store (default an empty one in memory).
func WithKV(store pluginsdk.KeyValueStore) Option {
	return func(pc *pluginsdk.PluginContext) { pc.KV = store }
}

// NewContext returns a context for one or more runs: a resource, one minute as interval, an empty key-value store, no
// secrets, and a logger whose lines Logs returns. They are shown if the test fails.
func NewContext(t testing.TB, options ...Option) *Context {
	t.Helper()
	logs := &logBuffer{}
	pc := &pluginsdk.PluginContext{
		Config:   pluginsdk.Config{},
		Interval: time.Minute,
		Logger:   slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTime})),
		KV:       kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace),
		Secrets:  secretsMap{},
	}
	for _, o := range options {
		o(pc)
	}
	if pc.Resource == nil {
		pc.Resource = Resource(t)
	}
	if pc.Sites == nil {
		pc.Sites = []string{pc.Resource.Site}
	}
	c := &Context{PluginContext: pc, logs: logs}
	t.Cleanup(func() {
		if t.Failed() && len(c.Logs()) > 0 {
			t.Logf("log of the plugin:\n%s", strings.Join(c.Logs(), "\n"))
		}
	})
	return c
}

// Logs returns what the plugin has logged so far, a line each, such as
//
//	level=WARN msg="no answer" port=161
func (c *Context) Logs() []string { return c.logs.lines() }

// Resource returns a valid resource (site test, class test, subclass test, type generic, id and endpoint localhost)
// after the given changes.
func Resource(t testing.TB, changes ...func(*pluginsdk.Resource)) *pluginsdk.Resource {
	t.Helper()
	r := &pluginsdk.Resource{
		Site: "test", Class: "test", Subclass: "test", Type: "generic", ID: "localhost", Endpoint: "localhost", Plugin: "plugintest",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1_500_000_000)),
	}
	for _, change := range changes {
		change(r)
	}
	if err := r.Validate(); err != nil {
		t.Fatalf("resource is not valid: %v", err)
	}
	return r
}

// secretsMap holds secrets by name and site.
type secretsMap map[string]map[string]string

// Get implements pluginsdk.SecretsStore.
func (s secretsMap) Get(_ context.Context, name, site string) (string, error) {
	for _, at := range []string{site, kv.DefaultSite} {
		if value, ok := s[name][at]; ok {
			return value, nil
		}
	}
	return "", pluginsdk.ErrNotFound
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// logBuffer keeps log lines. Plugins may log from several goroutines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := strings.TrimSuffix(b.text.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
