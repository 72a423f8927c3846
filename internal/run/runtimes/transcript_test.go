//go:build unix

package runtimes

import (
	"bufio"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var update = flag.Bool("update", false, "rewrite the transcript in docs/plugin-protocol.md")

const (
	protocolPage = "../../../docs/plugin-protocol.md"
	pageBegin    = "<!-- transcript: written by go test ./internal/run/runtimes -run Transcript -update -->\n```\n"
	pageEnd      = "```\n<!-- end of transcript -->\n"
)

// transcriptPlugin is the plugin of the transcript.
type transcriptPlugin struct{}

func (transcriptPlugin) Describe() pluginsdk.Contract {
	return pluginsdk.Contract{Groups: []pluginsdk.GroupContract{{
		Type: "door",
		Metrics: []pluginsdk.MetricContract{
			{Name: "open", Type: "gauge", Unit: "1", Min: pluginsdk.Bound(0), Max: pluginsdk.Bound(1)},
			{Name: "opened", Type: "counter", Description: "How often it was opened"},
		},
		Dimensions: []pluginsdk.DimensionContract{{Name: "floor"}},
	}}}
}

func (transcriptPlugin) Run(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	pc.Logger.Info("looking at " + pc.Resource.Endpoint)
	if _, err := pc.KV.Get(ctx, "door-1 broken"); err == nil {
		return nil, os.ErrDeadlineExceeded
	}
	groups := pc.NewGroups()
	groups.Group("door", "floor", "2").Gauge("open", 1).Counter("opened", 1204)
	return groups.Result()
}

// tee runs the plugin and writes down what goes each way: "-->" to the plugin, "<--" from it.
func tee() {
	file, err := os.Create(os.Getenv("FIXTURE_TRANSCRIPT"))
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(os.Args[0], fixtureArg, "served")
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	var mu sync.Mutex
	pass := func(arrow string, from io.Reader, to io.Writer) {
		lines := bufio.NewScanner(from)
		for lines.Scan() {
			mu.Lock()
			_, _ = io.WriteString(file, arrow+" "+lines.Text()+"\n")
			_, _ = io.WriteString(to, lines.Text()+"\n")
			mu.Unlock()
		}
	}
	go func() {
		pass("-->", os.Stdin, in)
		_ = in.Close()
	}()
	pass("<--", out, os.Stdout)
	_ = cmd.Wait()
}

// TestTranscript compares the transcript of docs/plugin-protocol.md with what the host and a plugin under
// pluginsdk.Serve say to each other.
func TestTranscript(t *testing.T) {
	path := filepath.Join(t.TempDir(), "transcript")
	t.Setenv("FIXTURE_TRANSCRIPT", path)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zap.InfoLevel)
	r, err := New(Settings{Programs: program.Settings{Inherit: []string{"FIXTURE_TRANSCRIPT"}}, Host: Host{Info: wire.HostInfo{Name: "panoptes-otelcol", Version: "0.1.0"}, Logger: zap.New(core), Context: wire.Context{Sites: []string{"dc1"}}, KV: kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace)}})
	require.NoError(t, err)
	file := openFixture(t, "transcript", plugin.OpenOptions{}, "").File
	file.Name, file.NormalizedName, file.Version = "Door", "Door", "1.0"
	args := file.Config["main"]["args"]
	file.Config = pluginsdk.Config{"main": {"execute_frequency": "60", "timeout": "5", "args": args}}
	p, _, err := plugin.Prepare(file, plugin.OpenOptions{})
	require.NoError(t, err)
	p = p.Variant(func(v *plugin.Plugin) { delete(v.File.Config["main"], "args") })
	require.NoError(t, checked(r, p))
	result := r.Run(t.Context(), run.Request{Plugin: p, Resource: testResource("door-1")})
	require.NoError(t, result.Err)
	require.NoError(t, r.Close(context.Background()))

	var text []byte
	require.Eventually(t, func() bool {
		text, err = os.ReadFile(path)
		return err == nil && strings.Contains(string(text), `"result":{}}`)
	}, 20*time.Second, 10*time.Millisecond)
	got := pageBegin + steady(string(text)) + pageEnd
	page, err := os.ReadFile(protocolPage)
	require.NoError(t, err)
	begin, end := strings.Index(string(page), pageBegin), strings.Index(string(page), pageEnd)
	require.True(t, begin >= 0 && end > begin, "the page has no transcript")
	end += len(pageEnd)
	if *update {
		require.NoError(t, os.WriteFile(protocolPage, []byte(string(page[:begin])+got+string(page[end:])), 0o644))
		return
	}
	assert.Equal(t, string(page[begin:end]), got, "run go test ./internal/run/runtimes -run Transcript -update if this is right")
}

// steady replaces what differs from run to run.
func steady(text string) string {
	for _, r := range []struct{ pattern, with string }{
		{`"deadline":[0-9.]+`, `"deadline":1700000075`},
		{`(creation_timestamp": )1[0-9]{9}\.[0-9]+`, `${1}1700000000.25`},
		{`"(module)":"[^"]*"`, `"$1":"/etc/panoptes/plugins/door/door"`},
		{`"(directory)":"[^"]*"`, `"$1":"/etc/panoptes/plugins/door"`},
		{`"(file)":"[^"]*"`, `"$1":"/etc/panoptes/plugins/door/door.panoptes-plugin"`},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}
