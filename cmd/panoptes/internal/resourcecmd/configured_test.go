package resourcecmd

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/targets"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

func listConfig(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	cmd := NewList()
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

// board is the status API of a Collector whose extension found two targets, of which a file lists one as well.
func board(t *testing.T) *httptest.Server {
	t.Helper()
	joined := store.New(store.Settings{})
	src := joined.Open(store.Place{Kind: store.KindExtension, Name: "panoptes_discovery network: dns_sd_configs::0"})
	labels := targets.Labels{}
	for _, address := range []string{"10.0.0.1", "10.0.0.9"} {
		r, _, err := labels.Resource(map[string]string{"__address__": address}, parse.Minimal)
		require.NoError(t, err)
		src.Set(append(joined.Join(), r), time.Now())
	}
	src.Leave([]store.Dropped{{Target: "10.0.0.2", Reason: "relabel_configs::0: action drop of __address__, regex \"x\""}}, 3)
	joined.Join()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/sources", func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "panoptes", r.URL.Query().Get("receiver"))
		var all []status.Source
		for _, s := range joined.Sources() {
			all = append(all, status.Source{Receiver: "panoptes", SourceStatus: s})
		}
		_ = json.NewEncoder(w).Encode(all)
	})
	mux.HandleFunc("GET /api/v1/resources", func(w http.ResponseWriter, _ *http.Request) {
		page := status.Page[status.Resource]{Total: 2, Page: 1, Pages: 1}
		for _, e := range joined.Entries() {
			page.Items = append(page.Items, status.ResourceOf("panoptes", e))
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestListConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "targets.yml")
	require.NoError(t, os.WriteFile(file, []byte("- targets: [10.0.0.1]\n  labels: {resource_class: network}\n- target: [x]\n"), 0o600))
	config := filepath.Join(dir, "collector.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
receivers:
  panoptes:
    plugins: {directories: [`+dir+`]}
    resources: {file_sd: [{files: [`+file+`], defaults: {resource_class: system}}], discovery: [panoptes_discovery]}
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [panoptes], exporters: [debug]}}}
`), 0o600))
	stdout, stderr, err := listConfig(t, "--config", config, "--url", board(t).URL)
	require.NoError(t, err, stderr)
	var rows [][]string
	for line := range strings.Lines(stdout) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		rows = append(rows, []string{cells[0], cells[2], cells[len(cells)-1]})
	}
	assert.Equal(t, [][]string{
		{"10.0.0.1", "network", `file_sd "` + file + `"`},
		{"10.0.0.1", "system", `extension "panoptes_discovery network: dns_sd_configs::0"`},
		{"10.0.0.9", "system", `extension "panoptes_discovery network: dns_sd_configs::0"`},
	}, rows)
	for _, want := range []string{
		`groups[1] is left out: unknown key`, `panoptes: file_sd "` + file + `": 1 resource`,
		`panoptes: extension "panoptes_discovery network: dns_sd_configs::0": 2 resources, 3 left out`,
		`left out "10.0.0.2": relabel_configs::0: action drop of __address__, regex "x"`, `: and 2 more`,
	} {
		assert.Contains(t, stderr, want)
	}

	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	stdout, stderr, err = listConfig(t, "--config", config, "--url", away.URL)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Len(t, strings.Split(strings.TrimSpace(stdout), "\n"), 1)
	assert.Contains(t, stderr, "panoptes: what extensions find a running Collector alone knows, and none can be asked: ")

	_, _, err = listConfig(t, "--config", config, file)
	require.ErrorContains(t, err, "--config takes no files")
	_, _, err = listConfig(t)
	require.ErrorContains(t, err, "name files of resources, or a configuration with --config")
}
