//go:build unix

package plugincmd

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// extended is a host with one extension.
type extended map[component.ID]component.Component

func (e extended) GetExtensions() map[component.ID]component.Component { return e }

// behind is the rest of a pipeline: rates, and InfluxDB.
func behind(t *testing.T, host component.Host) consumer.Metrics {
	t.Helper()
	influx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(influx.Close)
	exports := panoptesinfluxexporter.NewFactory()
	cfg := exports.CreateDefaultConfig().(*panoptesinfluxexporter.Config)
	cfg.Client.Endpoint, cfg.Database = influx.URL, "panoptes"
	exporter, err := exports.CreateMetrics(t.Context(), exportertest.NewNopSettings(exports.Type()), cfg)
	require.NoError(t, err)
	rates := panoptesrateprocessor.NewFactory()
	processor, err := rates.CreateMetrics(t.Context(), processortest.NewNopSettings(rates.Type()), rates.CreateDefaultConfig(), exporter)
	require.NoError(t, err)
	for _, c := range []component.Component{exporter, processor} {
		require.NoError(t, c.Start(t.Context(), host))
		t.Cleanup(func() { assert.NoError(t, c.Shutdown(context.Background())) })
	}
	return processor
}

// A receiver, what stands behind it and the extension tell the command how a plugin goes.
func TestExplainOfAReceiver(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write(t, "up.panoptes-plugin", "[Core]\nName = Up\nModule = up.sh\n[main]\nruntime = exec\nexecute_frequency = 1\nresource_filter = resource_id = \"one\"\n"+
		"[transforms]\nup = rate:up:upp\n")
	f.write(t, "never.panoptes-plugin", "[Core]\nName = Never\nModule = up.sh\n[main]\nruntime = exec\nexecute_frequency = 1\nresource_filter = resource_id = \"none\"\n")
	f.write(t, "up.sh", "#!/bin/sh\nprintf '{\"type\": \"up\", \"gauges\": {\"up\": 1}}\\n'\n")
	require.NoError(t, os.Chmod(filepath.Join(f.path, "up.sh"), 0o700))
	settings := func(into any, text string, args ...any) {
		retrieved, err := confmap.NewRetrievedFromYAML(fmt.Appendf(nil, text, args...))
		require.NoError(t, err)
		conf, err := retrieved.AsConf()
		require.NoError(t, err)
		require.NoError(t, conf.Unmarshal(into))
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	extension := panoptesstatusextension.NewFactory()
	cfg := extension.CreateDefaultConfig()
	settings(cfg, `{endpoint: %q}`, address)
	shown, err := extension.Create(t.Context(), extensiontest.NewNopSettings(extension.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, shown.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, shown.Shutdown(context.Background())) })

	board := extended{component.NewID(extension.Type()): shown}
	receiver := panoptesreceiver.NewFactory()
	cfg = receiver.CreateDefaultConfig()
	settings(cfg, `{plugins: {directories: [%q]}, resources: {files: [%q], filter: 'resource_site = "dc1"'}}`, f.path, f.resources)
	runs, err := receiver.CreateMetrics(t.Context(), receivertest.NewNopSettings(receiver.Type()), cfg, behind(t, board))
	require.NoError(t, err)
	require.NoError(t, runs.Start(t.Context(), board))
	t.Cleanup(func() { assert.NoError(t, runs.Shutdown(context.Background())) })

	explain := func(args ...string) (string, error) {
		stdout, _, err := execute(t, NewExplain(host), append(args, "--url", "http://"+address)...)
		return stdout, err
	}
	var told string
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		told, err = explain("Up", "one")
		assert.ErrorIs(c, err, exit.ErrReported, "its transform matches nothing")
		assert.Contains(c, told, ": groups delivered: ")
		assert.Contains(c, told, "yes  groups: 1 group with 1 data point, ")
	}, time.Minute, 50*time.Millisecond)
	for _, part := range []string{
		"yes  file found: " + filepath.Join(f.path, "up.panoptes-plugin") + "\n", "yes  parsed: plugin \"Up\", runtime exec\nyes  loaded: version ",
		"yes  resources: 2\nyes  receiver's filter: 1 of 2 are let in; left out is such as two: resource_site = \"dc1\": resource_site is \"dc2\"\n",
		"yes  plugin's filter: 1 of 1 match\nyes  tasks: 1, the next is due ", "; none of 1 fails\n",
		": no counter [\"upp\"] came in a group of type \"up\"; rates: 0\n     next: correct [transforms]",
	} {
		assert.Contains(t, told, part)
	}
	told, err = explain("Never")
	require.Error(t, err)
	lines := strings.Split(strings.TrimSpace(told), "\n")
	assert.Equal(t, `no   plugin's filter: 0 of 1 match; resource_id = "none" leaves out 1, such as one: resource_id is "one"`, lines[len(lines)-2])
	told, err = explain("Upp")
	require.Error(t, err)
	assert.Contains(t, told, "next: did you mean \"Up\"?\n")
}
