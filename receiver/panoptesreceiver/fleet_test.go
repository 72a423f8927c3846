package panoptesreceiver

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// configured returns a group with what the plugin sees of its configuration.
func configured() pluginsdk.PollingPlugin {
	return pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		g, err := pc.NewMetricsGroup("test")
		if err != nil {
			return nil, err
		}
		count, err := strconv.Atoi(pc.Config.Get("main", "count"))
		return pluginsdk.NewMetricsGroupSet(g), errors.Join(err, g.AddGauge("count", float64(count)), g.AddGauge("interval", float64(g.Interval)))
	})
}

// An override changes what a plugin sees and when it runs, for the resources that it is for.
func TestOverrides(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["configured"] = configured()
	b.write("resources/two.json", resourceJSON("other"))
	b.write("plugins/a.panoptes-plugin", conf("P", "go:configured")+"count = 1\n")
	b.cfg.Plugins.Overrides = []OverrideConfig{{
		Plugin: "P", Resources: `resource_id = "other"`, ExecuteFrequency: 2 * time.Second, Config: map[string]map[string]any{"main": {"count": 3}},
	}, {
		Plugin: "p", ExecuteFrequency: time.Second,
	}}
	b.start()
	b.until("count of other", func(p point) bool {
		return p.resource == "other" && p.metric == "test.count" && p.value == 3
	})
	b.until("interval of other", func(p point) bool {
		return p.resource == "other" && p.metric == "test.interval" && p.value == 2
	})
	b.until("count of localhost", func(p point) bool {
		return p.resource == "localhost" && p.metric == "test.count" && p.value == 1
	})
	flaw := `Configuration has a flaw: plugins::overrides::1: there is no plugin "p", so it changes nothing`
	require.Eventually(t, func() bool { return b.logs.FilterMessage(flaw).Len() > 0 }, patience, 10*time.Millisecond, b.log())
	assert.Equal(t, `did you mean "P"?`, b.logs.FilterMessage(flaw).All()[0].ContextMap()["next"])
}

// Resources of all sources are run against; where two have one, the file wins.
func TestSources(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("[" + resourceJSON("web") + "," + resourceJSON("localhost") + "]"))
	}))
	defer server.Close()
	b := newBench(t)
	b.cfg.Resources.HTTP = []HTTPConfig{{URL: server.URL, Interval: time.Minute, MaxSize: 10000, Client: confighttp.NewDefaultClientConfig()}}
	b.cfg.Resources.Inline = []map[string]any{{
		"resource_site": "local", "resource_class": "system", "resource_subclass": "host", "resource_type": "generic",
		"resource_id": "here", "resource_endpoint": "127.0.0.1",
	}}
	b.plugins["one"] = gauge(func() float64 { return 1 })
	b.write("plugins/a.panoptes-plugin", conf("P", "go:one"))
	b.start()
	for _, id := range []string{"web", "here", "localhost"} {
		b.until(id, func(p point) bool { return p.resource == id })
	}
	assert.Equal(t, int64(3), b.sum("panoptes_resources"))
}

// TestForeignTLSFile: what is no file is not opened, and the error names the key.
func TestForeignTLSFile(t *testing.T) {
	t.Parallel()
	server := defaultHTTPConfig()
	server.URL, server.Client.TLS.CAFile = "https://127.0.0.1:1", t.TempDir()
	s := &sourceSettings{cfg: &ResourcesConfig{HTTP: []HTTPConfig{server}}}
	_, err := s.servers(t.Context())
	require.ErrorContains(t, err, "resources::http::0: client::tls::ca_file: open "+server.Client.TLS.CAFile+": it is no regular file")
}

// TestRedirectsOfServers: lists of resources and of targets are fetched from other hosts only if that is wanted, and then without
// credentials.
func TestRedirectsOfServers(t *testing.T) {
	t.Parallel()
	type answer struct{ path, token string }
	asked := make(chan answer, 100)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- answer{r.URL.Path, r.Header.Get("Authorization") + r.Header.Get("Referer")}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("[]"))
	}))
	defer other.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusFound)
	}))
	defer home.Close()
	b := newBench(t)
	server := func(path string, follow bool) HTTPConfig {
		c := defaultHTTPConfig()
		c.URL, c.FollowOtherHosts = home.URL+path+"?token=t0ken", follow
		c.Client.Headers.Set("Authorization", "t0ken")
		return c
	}
	b.cfg.Resources.HTTP = []HTTPConfig{server("/kept", false), server("/http", true)}
	b.cfg.Resources.HTTPSD = []HTTPSDConfig{{Server: server("/kept_sd", false)}, {Server: server("/http_sd", true)}}
	b.start()
	assert.ElementsMatch(t, []answer{{path: "/http"}, {path: "/http_sd"}}, []answer{<-asked, <-asked})
	for _, path := range []string{"/kept", "/kept_sd"} {
		b.line("redirects to another host", home.URL+path+"?token=xxxxx")
	}
	assert.Empty(t, asked)
	assert.NotContains(t, b.log(), "t0ken")
}
