package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// shown is a receiver with one of each thing that has all its fields, and one that has as few as there can be.
type shown struct{ full *pluginsdk.Resource }

func newShown() shown {
	return shown{&pluginsdk.Resource{
		Site: "dc1", Class: "network", Subclass: "switch", Type: "generic", ID: "sw1", Endpoint: "192.0.2.1", Plugin: "inventory",
		Metadata: pluginsdk.Metadata{}.Set("_resource_ttl", "900"),
	}}
}

func (shown) ID() component.ID       { return component.MustNewID("panoptes") }
func (shown) Counts() (int, int)     { return 2, 1 }
func (s shown) failing() status.Task { return s.task(status.Failing) }

func (s shown) task(state status.State) status.Task {
	return status.Task{
		Plugin: "Interfaces", Resource: s.full, State: state, LastStart: noon, Duration: 1, Lateness: 0.001,
		Outcome: "raised", Error: "oops", Groups: 1, Points: 2, Bytes: 345, Failures: 6, Missed: 7, Next: noon,
		Check: &status.Check{State: 2, Reason: "array md0 degraded"},
	}
}

func (s shown) Places() []status.Places {
	return []status.Places{
		{Class: "go", Places: 64},
		{Receiver: "panoptes", Class: "exec", Places: 32, Used: 32, Wanted: 90, Short: true, Setting: "processes::max_exec"},
		{Receiver: "panoptes", Class: "process", Plugin: "Slow", Places: 2, Used: 2, Wanted: 9, Short: true, Setting: "the plugin's concurrency"},
	}
}

func (s shown) Warnings() []status.Warning {
	return []status.Warning{{Said: "there is no resource", Next: "see resources"}, {Receiver: "panoptes", Plugin: "Interfaces", Said: "no rate", Next: "correct it"}}
}

func (s shown) Plugins() []status.Plugin {
	return []status.Plugin{
		{File: "/plugins/broken.panoptes-plugin", Error: "no [Core]", ErrorSince: noon},
		{
			Name: "Interfaces", File: "/plugins/x.panoptes-plugin", Runtime: "python", Version: "0123456789ab", Type: "polling", Interval: 60,
			Deadline: 60, Filter: `resource_class = "network"`, Loaded: noon, Tasks: 1, Error: "syntax", ErrorSince: noon, Runs: 1,
			FailedRuns: 1, CPU: 1, Busy: 1, Points: 2, Bytes: 345, Series: 2,
			LastFailure: &status.Failure{At: noon, FailedOn: status.FailedOn(s.full.Identity()), Outcome: "raised", Error: "oops"},
		},
	}
}

func (s shown) Sources() []store.SourceStatus {
	return []store.SourceStatus{
		{Place: store.Place{Kind: store.KindFile, Name: "r.json"}, Resources: 1, Refreshed: noon, Changed: noon, Error: "broken", Failed: noon, Filtered: store.Filtered{Count: 1, Example: "sw2: no"}},
		{Place: store.Place{Kind: store.KindHTTP, Name: "http://cmdb.example"}},
	}
}

func (s shown) Resources() []store.Entry {
	place := store.Place{Kind: store.KindFile, Name: "r.json"}
	return []store.Entry{
		{Resource: &pluginsdk.Resource{Site: "dc1", ID: "bare"}},
		{Resource: s.full, Since: noon, Claims: []store.Claim{{Place: place, Resource: s.full, Since: noon, Expires: noon, TTL: 60}}},
	}
}

func (s shown) Tasks(visit func(*status.Task) bool) {
	bare := status.Task{Plugin: "Finder", Resource: &pluginsdk.Resource{}, State: status.Waiting}
	full := s.failing()
	_ = visit(&bare) && visit(&full)
}

func (s shown) Detail(id status.TaskID) (*status.Detail, error) {
	switch id.Plugin {
	case "Interfaces":
		entry := status.ResourceOf("", s.Resources()[1])
		return &status.Detail{
			Task: s.failing(), Interval: 60, Error: "oops\nTraceback", ErrorAt: noon,
			Log: []status.LogLine{{At: noon, Level: "warn", Message: "careful"}}, Output: []json.RawMessage{[]byte(`{"metrics_group_type": "x"}`)}, Entry: &entry,
		}, nil
	case "Finder":
		return &status.Detail{Task: status.Task{Plugin: "Finder", Resource: &pluginsdk.Resource{}, State: status.Waiting}}, nil
	}
	return nil, status.ErrNoTask
}

func (shown) Kept(_ context.Context, id string) (status.Kept, error) {
	return status.Kept{ResourceID: id, Left: 1, Items: []status.KeptItem{
		{Store: status.KeptEnrichment, Name: "interfaces", Value: "{}", Bytes: 2, Made: noon, Expires: noon},
		{Store: status.KeptKeys, Name: "sw1:errors", Error: "it is a set"},
	}}, nil
}

func (s shown) RunNow(context.Context, status.TaskID) error { return nil }

// strictly is the published schema with every field that it does not name refused: what the extension says must be in it.
func strictly(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	text, err := os.ReadFile("../../schema/status-api-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, def := range doc.(map[string]any)["$defs"].(map[string]any) {
		if d := def.(map[string]any); d["properties"] != nil {
			d["additionalProperties"] = false
		}
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("status.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// served is the extension behind a socket, without authentication.
func served(t *testing.T) *http.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	factory := panoptesstatusextension.NewFactory()
	cfg := factory.CreateDefaultConfig().(*panoptesstatusextension.Config)
	if err := confmap.NewFromStringMap(map[string]any{"transport": "unix", "endpoint": socket, "actions": map[string]any{"run_now": true, "last_output": true, "enrichment": true}}).Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	e, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	e.(status.Board).Add(newShown())
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &http.Client{Transport: transport}
}

// TestStatusAPI validates each answer of the extension against the definition that its path names.
func TestStatusAPI(t *testing.T) {
	t.Parallel()
	client, schemas := served(t), strictly(t)
	fullTask := "plugin=Interfaces&site=dc1&class=network&subclass=switch&type=generic&id=sw1"
	for _, c := range []struct {
		method, path, def string
		code              int
	}{
		{"GET", "overview", "overview", 200},
		{"GET", "plugins", "plugins", 200},
		{"GET", "sources", "sources", 200},
		{"GET", "resources", "resources", 200},
		{"GET", "resources?q=nothing", "resources", 200},
		{"GET", "tasks", "tasks", 200},
		{"GET", "tasks?q=nothing", "tasks", 200},
		{"GET", "task?" + fullTask, "detail", 200},
		{"GET", "task?plugin=Finder", "detail", 200},
		{"GET", "explain?plugin=Interfaces", "chains", 200},
		{"GET", "explain?plugin=none", "chains", 200},
		{"GET", "explain", "problem", 400},
		{"POST", "run?" + fullTask, "detail", 200},
		{"GET", "enrichment?id=sw1", "enrichment", 200},
		{"GET", "enrichment?id=sw1&receiver=none", "enrichment", 200},
		{"GET", "enrichment", "problem", 400},
		{"GET", "task?plugin=none", "problem", 404},
		{"GET", "tasks?state=odd", "problem", 400},
	} {
		at, err := url.Parse("http://localhost/api/v1/" + c.path)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(&http.Request{Method: c.method, URL: at})
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != c.code {
			t.Errorf("%s: status %d: %s", c.path, resp.StatusCode, text)
		}
		schema, err := schemas.Compile("status.json#/$defs/" + c.def)
		if err != nil {
			t.Fatal(err)
		}
		conforms(t, schema, string(text))
		if c.def == "plugins" {
			var all []map[string]json.RawMessage
			if err := json.Unmarshal(text, &all); err != nil || len(all) != 2 {
				t.Fatal(string(text), err)
			}
			// Each field is missed where it must be there.
			for _, field := range []string{"name", "runs", "series"} {
				delete(all[1], field)
				without, err := json.Marshal(all)
				if err != nil {
					t.Fatal(err)
				}
				if schema.Validate(parse(t, without)) == nil {
					t.Errorf("a plugin without %s is valid", field)
				}
			}
		}
	}
}
