package sources

import (
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/targets"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestTargetFiles: Prometheus' own files of targets are read again as they change, and a broken one keeps its last good list.
func TestTargetFiles(t *testing.T) {
	t.Parallel()
	json := func(r *rack) string { return filepath.Join(r.dir, "a.json") }
	yaml := func(r *rack) string { return filepath.Join(r.dir, "sub", "more.yml") }
	r := startRackOf(t, 50*time.Millisecond, nil, FileSettings{
		Read: (&targets.Reader{Defaults: parse.Minimal}).ReadFile, Kind: store.KindFileSD, Order: 5,
	}, []string{"*.json", "sub/*.yml"}, func(r *rack) {
		require.NoError(r.t, os.Mkdir(filepath.Join(r.dir, "sub"), 0o755))
		filetest.Write(r.t, json(r), `[{"targets": ["10.0.0.1:161"], "labels": {"instance": "sw1"}}]`)
		filetest.Write(r.t, yaml(r), "- targets: [10.0.0.2]\n  labels: {rack: r7}\n")
	})
	list := r.until("sw1@10.0.0.1:161 10.0.0.2@10.0.0.2")
	path, _ := list[1].Metadata.Get("__meta_filepath")
	assert.Equal(t, yaml(r), path)
	rackOf, _ := list[1].Metadata.Get("rack")
	assert.Equal(t, "r7", rackOf)

	filetest.Write(t, json(r), `[{"targets": ["10.0.0.3"], "labels": 5}, {"targets": ["10.0.0.4"]}]`)
	r.until("10.0.0.4@10.0.0.4 10.0.0.2@10.0.0.2")
	r.line("List of resources has a bad entry, which is left out")
	filetest.Write(t, yaml(r), "- targets: [")
	r.line("Cannot load resources")
	require.NoError(t, os.Remove(json(r)))
	r.until("10.0.0.2@10.0.0.2")
}

// netboxAnswer lists three devices, one with two ports, as the serializers of NetBox' plugin netbox-plugin-prometheus-sd 2.1.0 made it of
// made-up ones for /devices/.
const netboxAnswer = "testdata/netbox-devices.json"

func TestTargetServer(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile(netboxAnswer)
	require.NoError(t, err)
	p := &page{status: 200, kind: "application/json", text: string(recorded)}
	server := httptest.NewServer(p)
	defer server.Close()
	at, err := url.Parse(server.URL + "/api/plugins/prometheus-sd/devices/?token=geheim&site=dc1")
	require.NoError(t, err)
	at.User = url.UserPassword("u", "geheim")
	core, logs := observer.New(zap.InfoLevel)
	joined := store.New(store.Settings{})
	h := NewHTTP(HTTPSettings{
		Kind: store.KindHTTPSD, Accept: AcceptTargets,
		Read:   TargetAnswers(targets.Reader{Labels: targets.Labels{Site: "__meta_netbox_site_slug"}, Defaults: parse.Minimal}),
		Listed: func() {}, URL: at, Interval: time.Minute, MaxSize: 20000, Client: server.Client(), Logger: zap.New(core), Failed: func() {},
	})
	h.source = joined.Open(store.Place{Kind: store.KindHTTPSD, Name: DisplayURL(at)})
	h.take(t.Context(), time.Now())
	now := joined.Join()
	require.Len(t, now, 4)
	assert.Contains(t, logs.All()[0].ContextMap()["error"], `targets[0] ("rtr1.dc2.example.com"): label "__meta_netbox_contact_primary_comments" is no metadata`)
	assert.Equal(t, pluginsdk.Identity{Site: "dc1", Class: "system", Subclass: "host", Type: "generic", ID: "sw1.dc1.example.com"}, now[0].Identity())
	assert.Equal(t, "sw1.dc1.example.com", now[0].Endpoint)
	asked, _ := now[0].Metadata.Get("__meta_url")
	assert.Equal(t, "http://u:xxxxx@"+at.Host+"/api/plugins/prometheus-sd/devices/?token=xxxxx&site=xxxxx", asked)
	role, _ := now[0].Metadata.Get("__meta_netbox_role_slug")
	assert.Equal(t, "access-switch", role)

	p.status = 503
	h.take(t.Context(), time.Now())
	p.status, p.text = 200, `{"detail": "Invalid token"}`
	h.take(t.Context(), time.Now())
	assert.Equal(t, "the answer does not parse: expected a list of target groups", joined.Sources()[0].Error)
	assert.Len(t, joined.Join(), 4, "the last good list stays")
	for _, e := range logs.All() {
		assert.NotContains(t, e.Message+e.ContextMap()["url"].(string), "geheim")
	}
	p.text = "[]"
	h.take(t.Context(), time.Now())
	assert.Empty(t, joined.Join(), "a server that lists nothing has nothing")
}
