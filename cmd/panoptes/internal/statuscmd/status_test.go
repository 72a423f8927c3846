package statuscmd

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var fileSource = store.Place{Kind: store.KindFile, Name: "r.json"}

// collector answers as a Collector does. Each look finds 10 more runs of the second plugin.
func collector(failing int) http.Handler {
	mux := http.NewServeMux()
	answer := func(path string, v func(r *http.Request) any) {
		mux.HandleFunc("GET /api/v1/"+path, func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(v(r)) })
	}
	answer("overview", func(*http.Request) any {
		return status.Overview{Plugins: 2, Resources: 5, Tasks: 10, States: map[status.State]int{status.OK: 10 - failing, status.Failing: failing}, Places: []status.Places{
			{Class: "go", Places: 64},
			{Class: "python", Places: 8, Used: 2, Wanted: 2},
			{Class: "exec", Places: 32, Used: 32, Wanted: 90, Short: true, Setting: "processes::max_exec"},
			{Class: "process", Plugin: "Own", Places: 4, Used: 4, Wanted: 9, Short: true, Setting: "processes::per_plugin"},
		}, Warnings: []status.Warning{{Plugin: "Power", Said: "no resource\x1b matches", Next: "change the filter"}}}
	})
	var looks atomic.Int64
	answer("plugins", func(*http.Request) any {
		n := looks.Add(1)
		return []status.Plugin{
			{Name: "Interfaces", File: "a", Runtime: "python", Interval: 60, Tasks: 5, Runs: 100, Busy: 3, Bytes: 5000, Series: 70},
			{Name: "Power", File: "b", Runtime: "exec", Interval: 300, Tasks: 5, Runs: 10 * n, CPU: 1, Series: 90},
		}
	})
	answer("sources", func(*http.Request) any {
		s := status.Source{SourceStatus: store.SourceStatus{Place: fileSource, Resources: 5}}
		if failing > 0 {
			s.Error = "broken\nsecond line"
		}
		return []status.Source{s}
	})
	answer("tasks", func(r *http.Request) any {
		if r.URL.Query().Get("filter") == "bad" {
			panic(http.ErrAbortHandler)
		}
		return status.Page[status.Task]{Total: 10, Items: []status.Task{{
			Plugin: r.URL.Query().Get("plugin"), Identity: status.Identity{Site: "dc1", ID: "sw\x1b1"}, State: status.Failing, Outcome: "timeout", Duration: 0.25,
			Failures: 3, LastStart: time.Now().Add(-time.Minute),
		}}}
	})
	answer("explain", func(r *http.Request) any {
		return chainsOf(r.URL.Query(), failing)
	})
	answer("enrichment", func(r *http.Request) any {
		kept := status.Kept{Receiver: "panoptes", ResourceID: r.URL.Query().Get("id")}
		if kept.ResourceID == "switch1" {
			kept.Left = 2
			kept.Items = []status.KeptItem{
				{Store: status.KeptEnrichment, Name: "interfaces", Value: "{\"1\": \"eth0\x1b\"}", Bytes: 14, Expires: time.Now().Add(time.Hour)},
				{Store: status.KeptKeys, Name: "switch1:seen", Error: "it is a set"},
			}
		}
		return []status.Kept{kept}
	})
	answer("task", func(*http.Request) any {
		return status.Detail{
			Task: status.Task{Plugin: "Power", Identity: status.Identity{Site: "dc1", ID: "sw\x1b1"}}, Error: "timeout: no answer\n  File \"x.py\"", ErrorAt: at,
			Log: []status.LogLine{{At: at, Level: "warn", Message: "\x1b[31mcareful"}},
		}
	})
	answer("resources", func(r *http.Request) any {
		if r.URL.Query().Has("sort") {
			panic(http.ErrAbortHandler) // it has one order
		}
		return status.Page[status.Resource]{Total: 1, Items: []status.Resource{{
			Key: "plugin|p|site|dc1",
			Entry: store.Entry{
				Since: time.Now().Add(-time.Hour), Claims: []store.Claim{{Place: fileSource, TTL: 900}},
				Resource: &pluginsdk.Resource{Site: "dc1", Class: "network", Subclass: "switch", Type: "acme", ID: "sw1", Endpoint: "192.0.2.1"},
			},
		}}}
	})
	return mux
}

// chainsOf is a chain that breaks where something fails.
func chainsOf(values url.Values, failing int) []status.Chain {
	c := status.Chain{Receiver: "panoptes", Plugin: values.Get("plugin"), Links: []status.Link{{Name: "tasks", Holds: status.Yes, Said: "5"}}}
	if failing > 0 {
		c.Links = append(c.Links, status.Link{Name: "last run", Holds: status.No, Said: "timeout on sw\x1b1", Next: "run it"})
	} else {
		c.Links = append(c.Links, status.Link{Name: "exporter", Holds: status.Unknown, Said: "see its metrics"})
	}
	return []status.Chain{c}
}

var at = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func execute(t *testing.T, cmd *cobra.Command, args ...string) (stdout string, err error) {
	t.Helper()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestStatus(t *testing.T) {
	t.Parallel()
	url := serve(t, collector(2))
	out, err := execute(t, New(), "--url", url, "--plugin", "Power", "--state", "failing")
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, out, "2 plugins, 5 resources, 10 tasks, 2 failing, 8 ok\nRuns wait for a place: exec 32/32, 90 wanted (processes::max_exec)\n"+
		"Runs wait for a place: plugin \"Own\" 4/4, 9 wanted (processes::per_plugin)\n"+
		"Warning: no resource\\x1b matches; next: change the filter\n\n")
	assert.Contains(t, out, "Interfaces\tpython\t1m0s\t5\t100\t0\t\tnever\ta\t\n")
	assert.Contains(t, out, "\nyes  tasks: 5\nno   last run: timeout on sw\\x1b1\n     next: run it\n")
	assert.Contains(t, out, "file r.json\t5\tnever\tbroken\n")
	assert.Contains(t, out, "Power\tdc1\tsw\\x1b1\tfailing\ttimeout\t250ms\t0s\t1m0s ago\tnever\t0\t0\t3\n")
	assert.Contains(t, out, "and 9 more\n")
	assert.NotContains(t, out, "no answer")

	out, err = execute(t, New(), "--url", url, "--errors")
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, out, "\nPower against dc1 sw\\x1b1, at 2026-11-25T12:00:00Z\n  timeout: no answer\n    File \"x.py\"\n  12:00:00.000 warn \\x1b[31mcareful\n")

	assert.NotContains(t, out, "last run", "no plugin is named")

	_, err = execute(t, New(), "--url", url, "--errors", "--resources")
	require.ErrorContains(t, err, "[errors resources]")
	out, err = execute(t, New(), "--url", url, "--resources")
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, out, "sw1\tdc1\tnetwork:switch:acme\t192.0.2.1\tfile r.json\t1h0m0s\t15m0s\tplugin|p|site|dc1\n")

	out, err = execute(t, New(), "--url", serve(t, collector(0)), "--json")
	require.NoError(t, err)
	var a answers
	require.NoError(t, json.Unmarshal([]byte(out), &a))
	assert.Equal(t, 10, a.Overview.States[status.OK])
}

// Of a resource is shown what is kept, and what a plugin wrote cannot steer the terminal.
func TestStatusOfEnrichment(t *testing.T) {
	t.Parallel()
	url := serve(t, collector(2))
	out, err := execute(t, New(), "--url", url, "--enrichment", "switch1")
	require.NoError(t, err)
	assert.Contains(t, out, "enrichment\tinterfaces\t14\tnever\tin 1h0m0s\t\n")
	assert.Contains(t, out, "keys\tswitch1:seen\t0\tnever\t\tit is a set\nand 2 more\n")
	assert.Contains(t, out, "\nenrichment interfaces\n  {\"1\": \"eth0\\x1b\"}\n")
	out, err = execute(t, New(), "--url", url, "--enrichment", "other")
	require.NoError(t, err)
	assert.Equal(t, "panoptes keeps nothing of resource other\n", out)
	out, err = execute(t, New(), "--url", url, "--enrichment", "switch1", "--json")
	require.NoError(t, err)
	var all []status.Kept
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	assert.Len(t, all[0].Items, 2)
}

// Shells ask a running Collector for the names of its plugins, and get none where there is none.
func TestPluginNames(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][]cobra.Completion{serve(t, collector(0)): {"Interfaces", "Power"}, "http://127.0.0.1:1": nil, "nonsense": nil} {
		c := Client{address: address}
		assert.Equal(t, want, c.PluginNames(t.Context()), address)
	}
}

func TestTop(t *testing.T) {
	t.Parallel()
	out, err := execute(t, NewTop(), "--url", serve(t, collector(0)), "--times", "2", "--every", "100ms", "--order", "runs")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 6)
	assert.Regexp(t, `^\d\d:\d\d:\d\d  places:  python 2/8  exec 32/32, 90 wanted \(processes::max_exec\)  plugin "Own" 4/4, 9 wanted \(processes::per_plugin\)$`, lines[0])
	assert.Equal(t, "Interfaces\tpython\t-\t-\t-\t-\t-\t-\t70\t5", lines[1], "over no time")
	assert.True(t, strings.HasPrefix(lines[4], "Power\texec\t0.00\t0.00\t"), lines[4])
	assert.Equal(t, "Interfaces\tpython\t0.00\t0.00\t0.00\t0.00\t0.00\t0.00\t70\t5", lines[5])
	out, err = execute(t, NewTop(), "--url", serve(t, collector(0)), "--times", "1", "--order", "series")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(strings.Split(out, "\n")[1], "Power\t"), out)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--url", "nonsense"}, {"--url", "http://127.0.0.1:1", "--ca", "/nowhere"}, {"surplus"}} {
		_, err := execute(t, New(), args...)
		require.Error(t, err)
		if args[0] != "surplus" {
			assert.Equal(t, exit.Usage, exit.Code(err), args)
		}
	}
	_, err := execute(t, NewTop(), "--order", "odd")
	assert.Equal(t, exit.Usage, exit.Code(err))
	_, err = execute(t, NewTop(), "--every", "1ms")
	assert.Equal(t, exit.Usage, exit.Code(err))

	_, err = execute(t, New(), "--url", "http://127.0.0.1:1")
	require.ErrorContains(t, err, "is the extension panoptes_status enabled")
	_, err = execute(t, New(), "--url", serve(t, http.NotFoundHandler()))
	require.ErrorContains(t, err, "404")
	_, err = execute(t, New(), "--url", serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })))
	require.ErrorContains(t, err, "does not answer as panoptes_status does")
	_, err = execute(t, New(), "--url", serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error": "state: unknown"}`))
	})))
	require.ErrorContains(t, err, "state: unknown")
}

func TestUserAndCertificate(t *testing.T) {
	t.Setenv(passwordVariable, "hunter2")
	next := collector(0)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "op" || password != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))

	_, err := execute(t, New(), "--url", s.URL, "--ca", ca)
	require.ErrorContains(t, err, "name one with --user")
	_, err = execute(t, New(), "--url", s.URL, "--ca", ca, "--user", "op")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(ca, nil, 0o600))
	_, err = execute(t, New(), "--url", s.URL, "--ca", ca)
	assert.Equal(t, exit.Usage, exit.Code(err))
}
