package plugincmd

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// Each link of the chain is told, up to the one that breaks.
func TestExplain(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.plugin(t, "good", "go:counting", `resource_class = "system" AND resource_id = "one"`, "")
	f.plugin(t, "elsewhere", "go:absent", `resource_class = "network"`, "")
	f.plugin(t, "slowed", "go:counting", `resource_class = "system"`, "")
	f.write(t, "never.panoptes-plugin", "[Core]\nName = never\nModule = go:counting\n[main]\nexecute_frequncy = 60\nresource_filter = resource_class = \"system\"\n")
	f.write(t, "unfiltered.panoptes-plugin", "[Core]\nName = unfiltered\nModule = go:counting\n[main]\nexecute_frequency = 60\n")
	f.write(t, "wrong.panoptes-plugin", "[Core]\nName = wrong\nModule = raising\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"system\"\n")
	f.write(t, "raising.py", "raise ValueError('boom')\n")
	f.write(t, "twin.panoptes-plugin", "[Core]\nName = good\nModule = go:counting\n")
	f.write(t, "unread.panoptes-plugin", "nothing\n")
	config := func(name, resources, filter string) string {
		return f.write(t, name+".yaml", `
receivers:
  panoptes:
    plugins:
      directories: [`+f.path+`]
      overrides: [{plugin: slowed, resources: 'resource_site = "dc1"', execute_frequency: 120s}]
    resources: {files: [`+resources+`], filter: '`+filter+`'}
`)
	}
	all, some := config("all", f.resources, ``), config("some", f.resources, `resource_site = "dc2"`)
	none, empty := config("none", f.resources, `NOT resource_class = "system"`), config("empty", f.path+"/absent*.json", ``)
	for _, tt := range []struct {
		name string
		args []string
		want []string
		code int
	}{
		{"runs", []string{all, "good"}, []string{
			"yes  file found: " + f.path + "/good.panoptes-plugin\n",
			"yes  parsed: plugin \"good\", runtime go\nyes  loaded: ", "yes  scheduled: every 1m0s, a run may take 1m15s\nyes  resources: 2\n",
			"yes  receiver's filter: there is none, all are let in\n",
			"yes  plugin's filter: 1 of 2 match; resource_id = \"one\" leaves out 1, such as two: resource_id is \"two\"\nyes  tasks: 1\n",
		}, exit.OK},
		{"by path", []string{all, filepath.Join(f.path, "good.panoptes-plugin")}, []string{"yes  tasks: 1\n"}, exit.OK},
		{"by file", []string{all, "good.panoptes-plugin"}, []string{"yes  tasks: 1\n"}, exit.OK},
		{"resource", []string{all, "slowed", "one"}, []string{"1 of 1 match\n     overrides[0]: execute_frequency = 2m0s\nyes  tasks: 1\n"}, exit.OK},
		{"other resource", []string{all, "good", "two"}, []string{
			"no   plugin's filter: 0 of 1 match; resource_id = \"one\" leaves out 1, such as two: resource_id is \"two\"\n     next: change resource_filter",
		}, exit.Failed},
		{"no resource", []string{all, "good", "three"}, []string{"no   resource: none has the id \"three\"\n     next: "}, exit.Failed},
		{"no resources", []string{empty, "good"}, []string{"no   resources: there is none\n     next: "}, exit.Failed},
		{"both filters", []string{some, "good"}, []string{
			"yes  receiver's filter: 1 of 2 match; resource_site = \"dc2\" leaves out 1, such as one: resource_site is \"dc1\"\nno   plugin's filter: 0 of 1 match",
		}, exit.Failed},
		{"receiver's filter", []string{none, "good"}, []string{
			"no   receiver's filter: 0 of 2 match; NOT resource_class = \"system\" leaves out 2, such as one\n     next: change resources::filter",
		}, exit.Failed},
		{"in an extension", []string{all, "elsewhere"}, []string{
			"yes  loaded: if the Collector has an extension that offers the Go plugin \"absent\"", "no   plugin's filter: 0 of 2 match",
		}, exit.Failed},
		{"no interval", []string{all, "never"}, []string{
			"     line 5: no option [main] execute_frequncy is read; did you mean execute_frequency?", "no   scheduled: it has no interval\n     next: write",
		}, exit.Failed},
		{"no filter", []string{all, "unfiltered"}, []string{"no   loaded: ", "resource_filter is missing", "next: correct the plugin file or its module\n"}, exit.Failed},
		{"does not load", []string{all, "wrong"}, []string{"no   loaded: ", "boom", "next: correct " + f.path + "/raising.py"}, exit.Failed},
		{"name is taken", []string{all, f.path + "/twin.panoptes-plugin"}, []string{"no   name: \"good\" is taken by " + f.path + "/good.panoptes-plugin\n"}, exit.Failed},
		{"does not parse", []string{all, f.path + "/unread.panoptes-plugin"}, []string{"no   parsed: ", "stands before the first section"}, exit.Failed},
		{"misspelt", []string{all, "Godo"}, []string{"no   file found: none of 8 in ", "next: did you mean \"good\"?\n"}, exit.Failed},
		{"no such plugin", []string{all, "something"}, []string{"not parsed: 1 file, and"}, exit.Failed},
		{"no such receiver", []string{all, "good", "--receiver", "panoptes/x"}, nil, exit.Usage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, err := execute(t, NewExplain(host), append([]string{"--config"}, tt.args...)...)
			assert.Equal(t, tt.code, exit.Code(err), "%v\n%s", err, stderr)
			for _, part := range tt.want {
				assert.Contains(t, stdout, part)
			}
		})
	}
}

// A running Collector is asked where no configuration is named.
func TestExplainRunning(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RequestURI()
		answer := `[{"receiver": "panoptes", "plugin": "good", "links": [{"link": "tasks", "holds": "yes", "said": "2"}, {"link": "exporter", "holds": "unknown", "said": "see"}]}]`
		switch {
		case r.URL.Query().Get("plugin") == "bad":
			answer = `[{"receiver": "panoptes/a", "links": [{"link": "tasks", "holds": "yes", "said": "2"}]},
				{"receiver": "panoptes/b", "links": [{"link": "file found", "holds": "no", "said": "none", "next": "did you mean \"good\"?"}]}]`
		case r.URL.Query().Get("receiver") == "panoptes/x":
			answer = `[]`
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)

	stdout, _, err := execute(t, NewExplain(host), "good", "one", "--url", server.URL)
	require.NoError(t, err)
	assert.Equal(t, "yes  tasks: 2\n?    exporter: see\n", stdout)
	assert.Equal(t, "/api/v1/explain?id=one&plugin=good", <-asked)
	stdout, _, err = execute(t, NewExplain(host), "bad", "--url", server.URL)
	assert.Equal(t, exit.Failed, exit.Code(err))
	assert.Equal(t, "panoptes/a\nyes  tasks: 2\npanoptes/b\nno   file found: none\n     next: did you mean \"good\"?\n", stdout)
	_, _, err = execute(t, NewExplain(host), "good", "--receiver", "panoptes/x", "--url", server.URL)
	require.ErrorContains(t, err, "shows no receiver panoptes/x")
	_, _, err = execute(t, NewExplain(host), "good", "--config", "x.yaml", "--url", server.URL)
	assert.Equal(t, exit.Usage, exit.Code(err))
}
