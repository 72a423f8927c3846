//go:build unix

package validatecmd

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension"
	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

const flawed = `
extensions: {panoptes_status: {endpoint: %q}}
receivers:
  panoptes:
    plugins:
      directories: [%[2]s]
      overrides: [{plugin: up, execute_frequency: 5s}]
      pins: {Gone: "0000000000000000000000000000000000000000000000000000000000000000"}
    resources: {files: [%[2]s/resources.json]}
processors: {panoptes_rate: {}}
exporters: {debug: }
service:
  extensions: [panoptes_status]
  pipelines: {metrics: {receivers: [panoptes], processors: [panoptes_rate], exporters: [debug]}}
`

// running is a Collector of this process, with the configuration flawed.
type running struct {
	dir, url string
	logs     *observer.ObservedLogs
}

type board map[component.ID]component.Component

func (b board) GetExtensions() map[component.ID]component.Component { return b }

func (r *running) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func (r *running) list(t *testing.T, resources int) {
	t.Helper()
	var all []string
	for i := range resources {
		all = append(all, fmt.Sprintf(`{"resource_id": "r%d", "resource_endpoint": "127.0.0.1"}`, i))
	}
	r.write(t, "resources.json", "["+strings.Join(all, ",")+"]")
}

func startFlawed(t *testing.T) *running {
	t.Helper()
	r := &running{dir: t.TempDir()}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	r.url = "http://" + address
	require.NoError(t, free.Close())
	r.write(t, "collector.yaml", fmt.Sprintf(flawed, address, r.dir))
	r.list(t, 40)
	filetest.Program(t, filepath.Join(r.dir, "up.sh"), "#!/bin/sh\nprintf '{\"type\": \"up\", \"gauges\": {\"up\": 1}}\\n'\n")
	exec := "[Core]\nName = %s\nModule = up.sh\n[main]\nruntime = exec\nresource_filter = resource_id = \"%s\"\n"
	r.write(t, "up.panoptes-plugin", fmt.Sprintf(exec, "Up", "r0")+"execute_frequency = 1\n[transforms]\nup = rate:up:upp\n")
	r.write(t, "never.panoptes-plugin", fmt.Sprintf(exec, "Never", "r0"))
	r.write(t, "none.panoptes-plugin", fmt.Sprintf(exec, "None", "none")+"execute_frequency = 1\n")
	r.write(t, "twice.py", "from panoptes import check\n\n@check(every=60)\ndef one():\n    yield\n\n@check(every=60)\ndef two():\n    yield\n")
	r.write(t, "twice.panoptes-plugin", "[Core]\nName = Twice\nModule = twice\n[main]\nexecute_frequency = 60\nresource_filter = resource_id = \"r0\"\n")

	config, err := collectorconfig.Load(t.Context(), []string{filepath.Join(r.dir, "collector.yaml")})
	require.NoError(t, err)
	decode := func(kind collectorconfig.Kind, id component.Type) component.Config {
		cfg, err := config.Decode(kind, component.NewID(id))
		require.NoError(t, err)
		return cfg
	}
	begin := func(c component.Component, host component.Host) {
		require.NoError(t, c.Start(t.Context(), host))
		t.Cleanup(func() { assert.NoError(t, c.Shutdown(context.Background())) })
	}
	shows := panoptesstatusextension.NewFactory()
	shown, err := shows.Create(t.Context(), extensiontest.NewNopSettings(shows.Type()), decode(collectorconfig.Extensions, shows.Type()))
	require.NoError(t, err)
	begin(shown, componenttest.NewNopHost())
	host := board{component.NewID(shows.Type()): shown}
	rates := panoptesrateprocessor.NewFactory()
	rate, err := rates.CreateMetrics(t.Context(), processortest.NewNopSettings(rates.Type()), decode(collectorconfig.Processors, rates.Type()), consumertest.NewNop())
	require.NoError(t, err)
	begin(rate, host)
	polls := panoptesreceiver.NewFactory()
	set := receivertest.NewNopSettings(polls.Type())
	var core zapcore.Core
	core, r.logs = observer.New(zap.WarnLevel)
	set.Logger = zap.New(core)
	receiver, err := polls.CreateMetrics(t.Context(), set, decode(collectorconfig.Receivers, polls.Type()), rate)
	require.NoError(t, err)
	begin(receiver, host)
	return r
}

// logged are the log lines with a text, in their message or in what comes with it.
func (r *running) logged(part string) (found []observer.LoggedEntry) {
	for _, e := range r.logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), part) {
			found = append(found, e)
		}
	}
	return found
}

func (r *running) get(t require.TestingT, path string) string {
	answer, err := http.Get(r.url + path)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

// What works, but hardly as it was meant, is told everywhere with what to do: in the log once, on the overview, by the API and the
// command status, and by validate.
func TestWarnedEverywhere(t *testing.T) {
	t.Parallel()
	r := startFlawed(t)
	cases := []struct{ name, logged, shown, validated string }{
		{"zero tasks", `plugin "None" does not run: no resource matches its filter`, `plugin "None" does not run: no resource matches its filter`, `none of 40 resources matches its filter`},
		{"never scheduled", `plugin "Never" is never scheduled`, `plugin "Never" is never scheduled`, "plugin is never scheduled"},
		// The log waits for the counter, which the processor's own test does. Without a contract only a run shows which counters there are.
		{"transforms", "", `no counter ["upp"] came in a group of type "up"`, ""},
		{"override", `overrides::0: there is no plugin "up"`, `overrides::0: there is no plugin "up"`, `overrides::0: there is no plugin "up", so it changes nothing: did you mean "Up"?`},
		{"pin", `pins: there is no plugin "Gone"`, `pins: there is no plugin "Gone"`, `pins: there is no plugin "Gone"`},
		{"two checks", "there is a second @check", "there is a second @check", "there is a second @check"},
		// A list is short in comparison with the one before, which validate does not know.
		{"source", "A source lost more resources at once than it may", "it lists 1 resource, and listed 40 before", ""},
	}
	stdout, _, err := execute(t, filepath.Join(r.dir, "collector.yaml"), "--no-load", "--collector", collector(t, "exit 0"))
	require.ErrorIs(t, err, exit.ErrReported)
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Contains(c, r.get(c, "/api/v1/overview"), `"resources":40`) }, time.Minute, 20*time.Millisecond)
	r.list(t, 1)
	for _, tt := range cases {
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.Contains(c, html.UnescapeString(r.get(c, "/")), tt.shown)
			assert.True(c, tt.logged == "" || len(r.logged(tt.logged)) > 0)
		}, time.Minute, 50*time.Millisecond, tt.name)
	}
	var o status.Overview
	require.NoError(t, json.Unmarshal([]byte(r.get(t, "/api/v1/overview")), &o))
	told := r.get(t, "/api/v1/sources")
	for _, w := range o.Warnings {
		assert.NotEmpty(t, w.Next, w.Said)
		told += w.Said + "\n"
	}
	for _, tt := range cases {
		assert.Contains(t, told, tt.shown, tt.name)
		assert.Contains(t, stdout, tt.validated, tt.name)
		if tt.logged == "" {
			continue
		}
		lines := r.logged(tt.logged)
		if assert.Len(t, lines, 1, tt.name) {
			assert.NotEmpty(t, lines[0].ContextMap()["next"], tt.name)
		}
	}
}

// A configuration that can be read once is read once, though the Collector checks it, too.
func TestPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	go func() { _ = os.WriteFile(pipe, []byte(strings.TrimPrefix(minimal, "yaml:")), 0o600) }()
	stdout, _, err := execute(t, pipe, "--collector", collector(t, `[ "$*" = "validate --config=`+minimal+`" ]`))
	require.NoError(t, err, stdout)
}

// Requirements that cannot be read are named, whether plugins are loaded or not, and hold nothing up.
func TestRequirementsOfAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "requirements.txt")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	r := &running{dir: dir}
	r.write(t, "m.py", "from panoptes import check\n\n@check(every=60)\ndef one():\n    yield\n")
	r.write(t, "m.panoptes-plugin", "[Core]\nName = M\nModule = m\n[main]\nexecute_frequency = 60\nresource_filter = resource_id = \"r0\"\n")
	r.list(t, 1)
	r.write(t, "collector.yaml", fmt.Sprintf(`
receivers: {panoptes: {plugins: {directories: [%[1]q]}, resources: {files: [%[2]q]}}}
exporters: {debug: {}}
service: {pipelines: {metrics: {receivers: [panoptes], exporters: [debug]}}}
`, dir, filepath.Join(dir, "resources.json")))
	stdout, _, err := execute(t, filepath.Join(dir, "collector.yaml"), "--no-load", "--collector", collector(t, "exit 0"))
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stdout, "what it requires is not checked: open "+pipe+": it is no regular file")
	assert.Equal(t, 1, strings.Count(stdout, pipe))
}
