package discover

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
)

// TestRelabel: a block as it stands in prometheus.yml for snmp_exporter, and what relabelling drops.
func TestRelabel(t *testing.T) {
	t.Parallel()
	s := start(t, `
static_configs:
  - targets: [10.0.0.1, 10.0.0.2, 10.0.0.3]
    labels: {site: dc1, job: network}
relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {source_labels: [__address__], regex: '10\.0\.0\.(2)', action: drop}
  - {source_labels: [site], regex: 'dc(\d)', target_label: resource_site, replacement: 'data centre $1'}
  - {source_labels: [instance], regex: '10\.0\.0\.1', action: keep}
`)
	s.targets("instance resource_site job __address__", "10.0.0.1 data centre 1 network 10.0.0.1")
	assert.Equal(t, []store.Dropped{
		{Target: "10.0.0.2", Reason: `relabel_configs::2: action drop of __address__, regex "10\\.0\\.0\\.(2)"`},
		{Target: "10.0.0.3", Reason: `relabel_configs::4: action keep of instance, regex "10\\.0\\.0\\.1"`},
	}, s.source.State().Dropped)
	assert.Equal(t, 2, s.source.State().Drops)
}

// netboxBlock is as NetBox' plugin's own page has it, and gives a resource its site.
const netboxBlock = `
http_sd_configs:
  - {url: "SERVER/api/plugins/prometheus-sd/devices/?key=qu3ry", refresh_interval: 200ms, authorization: {type: Token, credentials: n3tb0x}}
relabel_configs:
  - {source_labels: [__meta_netbox_primary_ip4], regex: ^$, action: drop}
  - {source_labels: [__meta_netbox_primary_ip4], target_label: __address__, replacement: "$1:9100"}
  - {source_labels: [__meta_netbox_name], target_label: instance}
  - {source_labels: [__meta_netbox_site_slug], target_label: site}
  - {source_labels: [__meta_netbox_site_slug], target_label: resource_site}
`

// TestHTTP: what NetBox' plugin answers, a server that fails, and one that is well again. The answer was made by the serializers of version
// 2.1.0 of the plugin, netbox-plugin-prometheus-sd, from made-up devices; one has two ports.
func TestHTTP(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile("../../../../receiver/panoptesreceiver/internal/sources/testdata/netbox-devices.json")
	require.NoError(t, err)
	var broken atomic.Bool
	var list atomic.Pointer[string]
	text := string(recorded)
	list.Store(&text)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Token n3tb0x" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if broken.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, *list.Load())
	}))
	defer server.Close()
	s := start(t, strings.Replace(netboxBlock, "SERVER", server.URL, 1))
	at := server.URL + "/api/plugins/prometheus-sd/devices/?key=(secret)"
	s.targets("instance __address__ resource_site __metrics_path__ __meta_url",
		"sw1.dc1.example.com 192.0.2.11:9100 dc1  "+at,
		"lb1.dc2.example.com 192.0.2.13:9100 dc2 /not/metrics "+at, "lb1.dc2.example.com 192.0.2.13:9100 dc2  "+at)
	assert.Equal(t, []store.Dropped{
		{Target: "rtr1.dc2.example.com", Reason: `relabel_configs::0: action drop of __meta_netbox_primary_ip4, regex "^$"`},
	}, s.source.State().Dropped)

	broken.Store(true)
	state := s.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.EqualError(t, state.Err, noUpdate+": server returned HTTP status 502 Bad Gateway")
	assert.Len(t, state.Targets, 3, "the last good list stays")
	require.Eventually(t, func() bool { return s.failed.Load() > 2 }, patience, 10*time.Millisecond, "each attempt counts")
	broken.Store(false)
	s.until("it works again", func(state *State) bool { return state.Err == nil })
	assert.Equal(t, 1, s.logs.FilterMessage("Service discovery fails").Len(), "it is told once")
	none := "[]"
	list.Store(&none)
	s.targets("instance")
	s.secret("qu3ry")
	s.secret("n3tb0x")
}

// TestUnreachable: the error of a server that is not there has no secret, though it has the URL.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := start(t, `{http_sd_configs: [{url: "`+strings.Replace(server.URL, "://", "://u:p4ssword@", 1)+`/?key=qu3ry"}]}`)
	state := s.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.False(t, state.Listed)
	assert.Contains(t, state.Err.Error(), "connection refused")
	assert.NotContains(t, state.Err.Error(), "qu3ry")
	s.secret("p4ssword")
	s.secret("qu3ry")
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yml")
	filetest.Write(t, path, "- targets: [a:1]\n  labels: {rack: r1}\n")
	s := start(t, "{file_sd_configs: [{files: ["+filepath.Join(dir, "*.yml")+"]}]}")
	s.targets("__address__ rack __meta_filepath", "a:1 r1 "+path)
	filetest.Write(t, path, "- targets: [")
	state := s.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.Len(t, state.Targets, 1, "the last good list stays")
	filetest.Write(t, path, "- targets: [b:2]\n")
	s.targets("__address__ rack", "b:2 ")
	s.until("it works again", func(state *State) bool { return state.Err == nil })
	assert.Equal(t, 1, s.logs.FilterMessage("Service discovery works again").Len())
}

// TestBadFile: a bad file among good ones fails until it is gone, though no list changes then and the next refresh is minutes away.
func TestBadFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "c", "d"} {
		filetest.Write(t, filepath.Join(dir, name+".yml"), "- targets: ["+name+"]\n")
	}
	bad := filepath.Join(dir, "b.yml")
	filetest.Write(t, bad, "- targets: [")
	s := start(t, "{file_sd_configs: [{files: ["+filepath.Join(dir, "*.yml")+"]}]}")
	s.targets("__address__", "a", "c", "d")
	filetest.Write(t, filepath.Join(dir, "d.yml"), "- targets: [e]\n")
	s.targets("__address__", "a", "c", "e", "d") // d leaves later
	s.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.Zero(t, s.logs.FilterMessage("Service discovery works again").Len(), "another file that is well says nothing of the bad one")
	require.NoError(t, os.Remove(bad))
	s.until("it works again", func(state *State) bool { return state.Err == nil })
	assert.Equal(t, 1, s.logs.FilterMessage("Service discovery fails").Len(), "it is told once")
}

// catalog is a Consul with one service, by the API that its own client uses.
func catalog(token string, broken *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-Index", "7")
		switch {
		case r.Header.Get("X-Consul-Token") != token:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "ACL not found")
		case broken.Load():
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "No cluster leader")
		case r.URL.Path == "/v1/agent/self":
			fmt.Fprint(w, `{"Config": {"Datacenter": "dc1", "NodeName": "consul1", "Revision": "a", "Server": true, "Version": "1.20.1"}}`)
		case r.URL.Query().Get("index") == "7": // nothing new: hold the answer, as Consul does
			<-r.Context().Done()
		case r.URL.Path == "/v1/catalog/services":
			fmt.Fprint(w, `{"consul": [], "snmp": ["switch"]}`)
		case r.URL.Path == "/v1/health/service/snmp":
			fmt.Fprint(w, `[{
				"Node": {"ID": "40e4a748-2192-161a-0510-9bf59fe950b5", "Node": "sw1", "Address": "192.0.2.11", "Datacenter": "dc1", "Meta": {"rack": "r7"}},
				"Service": {"ID": "snmp-sw1", "Service": "snmp", "Tags": ["switch", "junos"], "Address": "", "Port": 161, "Meta": {}},
				"Checks": [{"Node": "sw1", "CheckID": "ping", "Status": "passing"}]
			}]`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
}

const consulBlock = `
consul_sd_configs: [{server: "SERVER", token: c0nsult0ken, refresh_interval: 100ms}]
relabel_configs:
  - {source_labels: [__meta_consul_service], regex: snmp, action: keep}
  - {source_labels: [__meta_consul_dc], target_label: resource_site}
  - {source_labels: [__meta_consul_node], target_label: instance}
  - {source_labels: [__meta_consul_tags], regex: '.*,switch,.*', target_label: resource_subclass, replacement: switch}
`

func TestConsul(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	server := httptest.NewServer(catalog("c0nsult0ken", &broken))
	t.Cleanup(server.Close) // after the source has ended
	s := start(t, strings.Replace(consulBlock, "SERVER", strings.TrimPrefix(server.URL, "http://"), 1))
	s.targets("instance __address__ resource_site resource_subclass __meta_consul_metadata_rack", "sw1 192.0.2.11:161 dc1 switch r7")
	broken.Store(true)
	server.CloseClientConnections() // the questions that are held end
	state := s.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.Len(t, state.Targets, 1, "the last good list stays")
	s.secret("c0nsult0ken")
}

func TestConsulFails(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	server := httptest.NewServer(catalog("c0nsult0ken", &broken))
	t.Cleanup(server.Close)
	s := start(t, strings.Replace(consulBlock, "SERVER", strings.TrimPrefix(server.URL, "http://"), 1))
	state := s.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.Contains(t, state.Err.Error(), "No cluster leader")
	s.secret("c0nsult0ken")
}

// TestRedirects: a server that sends on to another host is followed only if that is wanted, and then without credentials.
func TestRedirects(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `[{"targets": ["seen %s"]}]`, r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	// Prometheus' client takes another port of a host for the same host.
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `[{"targets": ["home %s"]}]`, r.Header.Get("Authorization"))
		case "/here":
			http.Redirect(w, r, "/moved", http.StatusFound)
		default:
			http.Redirect(w, r, elsewhere, http.StatusFound)
		}
	}))
	t.Cleanup(home.Close)
	block := func(path, more string) string {
		return `{http_sd_configs: [{url: "` + home.URL + path + `", refresh_interval: 200ms, authorization: {credentials: n3tb0x}` + more + `}]}`
	}
	start(t, block("/here", "")).targets("__address__", "home Bearer n3tb0x")
	start(t, block("/away", ", follow_redirects: true")).targets("__address__", "seen ")
	state := start(t, block("/away", "")).until("it fails", func(state *State) bool { return state.Err != nil })
	assert.ErrorContains(t, state.Err, "redirects to another host, "+strings.TrimPrefix(elsewhere, "http://"))
	state = start(t, block("/away", `, proxy_url: "`+home.URL+`"`)).until("it fails", func(state *State) bool { return state.Err != nil })
	assert.ErrorContains(t, state.Err, "302")
}

// TestForeignFiles: what is no file is not given to a client, and the error names the key.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a.json"), 0o700))
	for text, want := range map[string]string{
		`{http_sd_configs: [{url: "http://h/", authorization: {credentials_file: /dev/zero}}]}`:                     "http_sd_configs::0: credentials_file: open /dev/zero: it is no regular file but a device",
		`{http_sd_configs: [{url: "https://h/", tls_config: {ca_file: ` + dir + `}}]}`:                              "http_sd_configs::0: ca_file: open " + dir + ": it is no regular file but a directory",
		`{http_sd_configs: [{url: "http://h/", http_headers: {X-Token: {files: [/dev/zero]}}}]}`:                    "http_sd_configs::0: files: open /dev/zero",
		`{kubernetes_sd_configs: [{role: node, kubeconfig_file: /dev/zero}]}`:                                       "kubernetes_sd_configs::0: kubeconfig_file: open /dev/zero",
		`{consul_sd_configs: [{server: "h", oauth2: {client_id: a, token_url: b, client_secret_file: /dev/zero}}]}`: "consul_sd_configs::0: client_secret_file: open /dev/zero",
	} {
		job, err := parse(t, text)
		require.NoError(t, err, text)
		_, err = job.Sources(t.Context(), zap.NewNop(), Hooks{Changed: func() {}, Failed: func() {}})
		require.ErrorContains(t, err, want)
	}
	// Files with targets come and go: it is told of what is none.
	s := start(t, "{file_sd_configs: [{files: ["+filepath.Join(dir, "*.json")+"]}]}")
	require.NotEmpty(t, s.logs.FilterMessage("Service discovery will wait for what is no file").All())
}

// script is a discoverer that says what it is told to.
type script chan []*targetgroup.Group

// Run implements discovery.Discoverer.
func (s script) Run(ctx context.Context, out chan<- []*targetgroup.Group) {
	for {
		select {
		case groups := <-s:
			out <- groups
		case <-ctx.Done():
			return
		}
	}
}

// TestFlaps: a target that is gone and back, again and again, stays; one that is gone for good leaves.
func TestFlaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		job, err := parse(t, "{static_configs: [{targets: [a]}]}")
		require.NoError(t, err)
		sources, err := job.Sources(t.Context(), zap.NewNop(), Hooks{Failed: func() {}, Changed: func() {}})
		require.NoError(t, err)
		s, says := sources[0], make(script)
		s.discoverer = says
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx)
		say := func(groups ...string) {
			var all []*targetgroup.Group
			for i, addresses := range groups {
				g := &targetgroup.Group{Source: fmt.Sprint(i)}
				for address := range strings.FieldsSeq(addresses) {
					g.Targets = append(g.Targets, model.LabelSet{model.AddressLabel: model.LabelValue(address)})
				}
				all = append(all, g)
			}
			says <- all
		}
		now := func() string {
			synctest.Wait()
			var names []string
			for _, labels := range s.State().Targets {
				names = append(names, labels[model.AddressLabel])
			}
			slices.Sort(names)
			return strings.Join(names, " ")
		}
		say("sw1 sw2", "sw3")
		time.Sleep(time.Second)
		lists := s.State().List
		for range 60 { // sw2 is gone three seconds of four, and sw3 changes groups
			say("sw1", "sw3")
			time.Sleep(3 * time.Second)
			require.Equal(t, "sw1 sw2 sw3", now())
			say("sw1 sw2 sw3", "")
			time.Sleep(time.Second)
			require.Equal(t, "sw1 sw2 sw3", now())
		}
		assert.LessOrEqual(t, s.State().List-lists, 50, "in four minutes")
		say("sw1", "sw3")
		time.Sleep(settle - time.Second)
		assert.Equal(t, "sw1 sw2 sw3", now())
		time.Sleep(settle + time.Second)
		assert.Equal(t, "sw1 sw3", now())
		say("", "")
		time.Sleep(2*settle + time.Second)
		assert.Empty(t, now())
	})
}
