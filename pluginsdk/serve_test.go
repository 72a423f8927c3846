package pluginsdk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
)

// host is the other side of a plugin under Serve, worked by hand.
type host struct {
	t   *testing.T
	out io.WriteCloser
	in  *bufio.Scanner
	end chan error
}

func startHost(t *testing.T, run PollingPluginFunc, options ...ServeOption) *host {
	t.Helper()
	fromUs, us := io.Pipe()
	plugin, fromPlugin := io.Pipe()
	h := &host{t: t, out: us, in: bufio.NewScanner(plugin), end: make(chan error, 1)}
	h.in.Buffer(nil, 1<<20)
	go func() {
		h.end <- serve(run, fromUs, fromPlugin, options...)
		_ = fromPlugin.Close()
	}()
	t.Cleanup(func() { _ = us.Close() })
	return h
}

func (h *host) write(line string) {
	h.t.Helper()
	if _, err := io.WriteString(h.out, line+"\n"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) read() string {
	h.t.Helper()
	if !h.in.Scan() {
		h.t.Fatalf("nothing to read: %v", h.in.Err())
	}
	var m map[string]any
	if err := json.Unmarshal(h.in.Bytes(), &m); err != nil || m["jsonrpc"] != "2.0" {
		h.t.Fatalf("%q: %v", h.in.Bytes(), err)
	}
	return h.in.Text()
}

// wants reads a line and looks for parts of it.
func (h *host) wants(parts ...string) {
	h.t.Helper()
	line := h.read()
	for _, p := range parts {
		if !strings.Contains(line, p) {
			h.t.Errorf("no %s in %s", p, line)
		}
	}
}

const runLine = `{"jsonrpc":"2.0","id":2,"method":"run","params":{"run_id":7,"type":"polling","interval":30,"config":{"main":{"a":"b"}},` +
	`"resource":{"resource_site":"s","resource_class":"c","resource_subclass":"s","resource_type":"t","resource_id":"r1",` +
	`"resource_endpoint":"e","resource_metadata":{},"resource_creation_timestamp":1,"resource_plugin":"p"}}}`

func TestServe(t *testing.T) {
	t.Parallel()
	h := startHost(t, func(_ context.Context, pc *PluginContext) (*MetricsGroupSet, error) {
		groups := pc.NewGroups()
		groups.Group("g", "id", pc.Resource.ID, "a", pc.Config.Get("main", "a"), "sites", strings.Join(pc.Sites, ",")).Gauge("v", 1)
		return groups.Result()
	}, WithConcurrency(3))
	h.write(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocol_version":1,"context":{"sites":["x","y"]}}}`)
	h.wants(`"id":1`, `"result":{"protocol_version":1,"capabilities":{"concurrency":3}}`)
	h.write(`{"jsonrpc":"2.0","id":"d","method":"describe","params":{}}`)
	h.wants(`"id":"d"`, `"result":{"groups":[]}`)
	h.write(runLine)
	h.wants(`"id":2`, `"run_id":7`, `"outcome":"ok"`, `"metrics_group_interval": 30`, `"dimension_value": "r1"`, `"dimension_value": "b"`, `"x,y"`)
	h.write(`{"jsonrpc":"2.0","id":3,"method":"shutdown"}`)
	h.wants(`"id":3`, `"result":{}`)
	if err := <-h.end; err != nil {
		t.Error(err)
	}
}

func TestServeOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		run  PollingPluginFunc
		want []string
	}{
		{"nil", func(context.Context, *PluginContext) (*MetricsGroupSet, error) { return nil, nil }, []string{`"outcome":"none"`}},
		{"none", func(context.Context, *PluginContext) (*MetricsGroupSet, error) {
			return nil, fmt.Errorf("x: %w", ErrNoResults)
		}, []string{`"outcome":"none"`}},
		{"error", func(context.Context, *PluginContext) (*MetricsGroupSet, error) {
			return nil, errors.New("broken \"x\"")
		}, []string{`"outcome":"raised"`, `"message":"broken \"x\""`}},
		{"panic", func(context.Context, *PluginContext) (*MetricsGroupSet, error) { panic("oops") }, []string{`"outcome":"raised"`, `"type":"panic"`, `"message":"oops"`, "serve_test.go"}},
		{"not finite", func(_ context.Context, pc *PluginContext) (*MetricsGroupSet, error) {
			groups := pc.NewGroups()
			groups.Group("g").Gauge("good", 1).Gauge("bad", math.NaN())
			groups.Group("lost").Gauge("inf", math.Inf(1))
			return groups.Result()
		}, []string{`"metric_name": "good"`, `"reason":"not_finite"`, `"metric":"bad"`, `"group":"lost"`}},
		{"bad group", func(_ context.Context, pc *PluginContext) (*MetricsGroupSet, error) {
			groups := pc.NewGroups()
			groups.Group("g", "odd").Gauge("a-b", 1)
			groups.Group("g").Gauge("a", 1).Gauge("a", 1)
			return groups.Result()
		}, []string{`"outcome":"raised"`, "must be pairs", "a-b", "already there"}},
		{"twice", func(_ context.Context, pc *PluginContext) (*MetricsGroupSet, error) {
			groups := pc.NewGroups()
			groups.Group("g").Number("a", Gauge, Int(1))
			groups.Group("g").Number("a", Gauge, Int(1))
			return groups.Result()
		}, []string{`"outcome":"raised"`, "is there twice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := startHost(t, c.run)
			h.write(runLine)
			h.wants(c.want...)
			_ = h.out.Close()
			if err := <-h.end; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestServeBadMessages(t *testing.T) {
	t.Parallel()
	h := startHost(t, func(context.Context, *PluginContext) (*MetricsGroupSet, error) { return nil, nil })
	for line, want := range map[string]string{
		`hello`: "-32700",
		`{"jsonrpc":"2.0","id":1,"method":"dance"}`:                             "-32601",
		`{"jsonrpc":"2.0","id":1,"method":"run","params":[]}`:                   "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"run","params":{}}`:                   "resource must be given",
		`{"jsonrpc":"2.0","id":1,"method":"run","params":{"resource":{}}}`:      "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":"x"}`:           "-32602",
		`{"jsonrpc":"2.0","method":"dance"}` + "\n\n" + `{"id":9,"method":"x"}`: `"id":9`,
		`{"id":99,"result":{}}` + "\n" + `{"id":8,"method":"x"}`:                `"id":8`,
	} {
		h.write(line)
		h.wants(want)
	}
}

func TestServeCancelAndDeadline(t *testing.T) {
	t.Parallel()
	h := startHost(t, func(ctx context.Context, _ *PluginContext) (*MetricsGroupSet, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	h.write(runLine)
	h.write(`{"jsonrpc":"2.0","method":"cancel","params":{"run_id":7}}`)
	h.wants("context canceled")
	h.write(strings.Replace(runLine, `"run_id"`, fmt.Sprintf(`"deadline":%d,"run_id"`, time.Now().Add(-time.Second).Unix()), 1))
	h.wants("deadline exceeded")
	h.write(runLine)
	h.write(`{"jsonrpc":"2.0","id":5,"method":"shutdown"}`)
	h.wants(`"id":`)
	h.wants(`"id":`)
	if err := <-h.end; err != nil {
		t.Error(err)
	}
}

// TestServeNow: the time that the host gives a run is that of its groups, and of no other run's.
func TestServeNow(t *testing.T) {
	// Not parallel: Now is the whole program's.
	h := startHost(t, func(_ context.Context, pc *PluginContext) (*MetricsGroupSet, error) {
		groups := pc.NewGroups()
		groups.Group("t").Gauge("n", 1)
		return groups.Result()
	})
	h.write(strings.Replace(runLine, `"run_id"`, `"now":1500000000.25,"run_id"`, 1))
	h.wants(`"metrics_group_creation_timestamp": 1500000000.25`, `"metric_creation_timestamp": 1500000000.25`)
	h.write(runLine)
	if text := h.read(); strings.Contains(text, "1500000000") {
		t.Errorf("a run without a time has that of another: %s", text)
	}
	h.write(`{"jsonrpc":"2.0","id":5,"method":"shutdown"}`)
	h.wants(`"id":5`)
}

func TestServeLogs(t *testing.T) {
	t.Parallel()
	h := startHost(t, func(_ context.Context, pc *PluginContext) (*MetricsGroupSet, error) {
		pc.Logger.Debug("unseen")
		pc.Logger.With("a", 1).WithGroup("g").Warn("seen", "b", "x y", slog.Group("h", "c", time.Second))
		return nil, nil
	})
	h.write(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"log_level":"info"}}`)
	h.read()
	h.write(runLine)
	h.wants(`"method":"log"`, `"run_id":7`, `"level":"warning"`, `"message":"seen a=1 g.b=x y g.h.c=1s"`)
	h.wants(`"outcome":"none"`)
}

func TestServeAsksHost(t *testing.T) {
	t.Parallel()
	done := make(chan string, 1)
	h := startHost(t, func(ctx context.Context, pc *PluginContext) (*MetricsGroupSet, error) {
		var out []string
		note := func(v any, err error) { out = append(out, fmt.Sprint(v, " ", err)) }
		note(pc.KV.Get(ctx, "k"))
		note(pc.KV.Get(ctx, "k"))
		note(0, pc.KV.Set(ctx, "k", "v", 1500*time.Millisecond))
		note(pc.KV.GetSet(ctx, "k", "v", 0))
		note(0, pc.KV.Delete(ctx, "k"))
		note(pc.KV.TTL(ctx, "k"))
		note(pc.KV.TTL(ctx, "k"))
		note(pc.KV.FindKeys(ctx, "*"))
		note(0, pc.KV.SetAdd(ctx, "s", "m"))
		note(pc.KV.SetMembers(ctx, "s"))
		note(pc.Secrets.Get(ctx, "n", "dc1"))
		done <- strings.Join(out, "\n")
		return nil, nil
	})
	h.write(runLine)
	for _, c := range []struct{ want, answer string }{
		{`"method":"kv.get","params":{"key":"k"}`, `"result":{"value":"x"}`},
		{`"method":"kv.get"`, `"result":{"value":null}`},
		{`"params":{"expire":1.5,"key":"k","value":"v"}`, `"result":{}`},
		{`"method":"kv.getset","params":{"key":"k","value":"v"}`, `"result":{"value":"old"}`},
		{`"method":"kv.delete"`, `"error":{"code":-1,"message":"no room"}`},
		{`"method":"kv.ttl"`, `"result":{"ttl":-2}`},
		{`"method":"kv.ttl"`, `"result":{"ttl":5}`},
		{`"method":"kv.find_keys","params":{"pattern":"*"}`, `"result":{"keys":["a","b"]}`},
		{`"method":"kv.set_add","params":{"member":"m","name":"s"}`, `"result":{}`},
		{`"method":"kv.set_members"`, `"result":{"members":["m"]}`},
		{`"method":"secrets.get","params":{"name":"n","site":"dc1"}`, `"result":{"value":"secret"}`},
	} {
		line := h.read()
		var m struct{ ID int64 }
		if err := json.Unmarshal([]byte(line), &m); err != nil || !strings.Contains(line, c.want) {
			t.Fatalf("%s, want %s", line, c.want)
		}
		h.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, m.ID, c.answer))
	}
	want := `x <nil>
 not found
0 <nil>
old <nil>
0 kv.delete: host: no room (code -1)
0s not found
5s <nil>
[a b] <nil>
0 <nil>
[m] <nil>
secret <nil>`
	if got := <-done; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	h.wants(`"outcome":"none"`)
}

func FuzzServe(f *testing.F) {
	f.Add(runLine + "\n{\"id\":1,\"method\":\"initialize\"}\nx\n")
	f.Fuzz(func(_ *testing.T, text string) {
		run := PollingPluginFunc(func(context.Context, *PluginContext) (*MetricsGroupSet, error) { return nil, nil })
		_ = serve(run, strings.NewReader(text), io.Discard)
	})
}
