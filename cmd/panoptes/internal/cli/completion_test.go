package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Shells complete languages, states, plugins and resources.
func TestCompletion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	resources, config := filepath.Join(dir, "r.csv"), filepath.Join(dir, "collector.yaml")
	beside := filepath.Join(dir, "beside")
	require.NoError(t, os.Mkdir(beside, 0o700))
	for path, text := range map[string]string{
		filepath.Join(beside, "resources.csv"): "resource_id,resource_endpoint\nweb3,h3\n",
		resources:                              "resource_id,resource_endpoint\nweb1,h1\nweb2,h2\n",
		config:                                 "receivers: {panoptes: {plugins: {directories: [" + dir + "]}, resources: {files: [" + resources + "], filter: 'resource_id = \"web2\"'}}}\n",
		filepath.Join(dir, "disk.panoptes-plugin"): "[Core]\nName = Disk Usage\nModule = disk\n",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	resource := func(id string) string {
		return `{"resource": {"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", "resource_id": "` + id +
			`", "resource_endpoint": "e", "resource_metadata": {"_resource_ttl": "900"}, "resource_creation_timestamp": "1512629517.03", "resource_plugin": "p"}}`
	}
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/resources") {
			_, _ = w.Write([]byte(`{"items": [` + resource("sw2") + `, ` + resource("sw1") + `]}`))
			return
		}
		_, _ = w.Write([]byte(`[{"name": "Disk"}, {"name": "CPU"}, {"name": ""}]`))
	}))
	t.Cleanup(collector.Close)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"plugin", "new", "x", "--lang", ""}, []string{"python", "go", "sh", "node"}},
		{[]string{"plugin", "new", "x", "--api", ""}, []string{"function", "class"}},
		{[]string{"init", "--exporter", ""}, []string{"prometheus", "kafka", "otlp"}},
		{[]string{"status", "--state", ""}, []string{"failing", "backing_off", "late", "running", "waiting", "ok"}},
		{[]string{"top", "--order", ""}, []string{"busy", "bytes", "cpu", "failed", "points", "runs", "series"}},
		{[]string{"plugin", "run", "x", "--resources", resources, "--resource", ""}, []string{"web1", "web2"}},
		{[]string{"plugin", "run", "x", "--resource", ""}, nil},
		{[]string{"plugin", "run", "x", "--config", config, "--resource", ""}, []string{"web2"}},
		{[]string{"plugin", "run", filepath.Join(beside, "x.py"), "--resource", ""}, []string{"web3"}},
		{[]string{"plugin", "run", beside, "--resource", ""}, []string{"web3"}},
		{[]string{"plugin", "run", "--rates", ""}, []string{"int", "double"}},
		{[]string{"status", "--order", ""}, []string{"urgency", "name", "duration", "lateness", "points", "bytes", "start", "next"}},
		{[]string{"status", "--url", collector.URL, "--plugin", ""}, []string{"CPU", "Disk"}},
		{[]string{"status", "--url", "nonsense", "--plugin", ""}, nil},
		{[]string{"explain", "--url", collector.URL, ""}, []string{"CPU", "Disk"}},
		{[]string{"explain", "--config", config, ""}, []string{"Disk Usage"}},
		{[]string{"explain", "--config", config + "x", ""}, nil},
		{[]string{"explain", "--url", collector.URL, "Disk", ""}, []string{"sw1", "sw2"}},
		{[]string{"explain", "--config", config, "Disk Usage", ""}, []string{"web2"}},
		{[]string{"explain", "--config", config + "x", "Disk Usage", ""}, nil},
		{[]string{"explain", "--config", config, "Disk Usage", "web2", ""}, nil},
	} {
		code, stdout, stderr := run(t, "", append([]string{"__complete"}, c.args...)...)
		require.Zero(t, code, stderr)
		words := strings.Split(strings.TrimSpace(stdout), "\n")
		require.Equal(t, ":4", words[len(words)-1], "no files: %v", c.args)
		require.Equal(t, append([]string{}, c.want...), words[:len(words)-1], c.args)
	}
}
