package pluginsdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// ProtocolVersion is the version of the plugin protocol that Serve speaks (docs/plugin-protocol.md).
const ProtocolVersion = 1

// DefaultConcurrency is how many runs at once a plugin under Serve takes unless told otherwise.
const DefaultConcurrency = 64

// Codes of JSON-RPC 2.0.
const (
	codeParse          = -32700
	codeMethodNotFound = -32601
	codeInvalidParams  = -32602
)

// ServeOption changes what Serve does.
type ServeOption func(*server)

// WithConcurrency sets how many runs the plugin takes at once (default 64). 1 is for a plugin that cannot do two.
func WithConcurrency(n int) ServeOption {
	return func(s *server) { s.concurrency = max(n, 1) }
}

// Serve makes a program of a plugin, a process plugin: it answers the host on stdin and stdout until that ends it, and
// is all that such a program's main does.
//
//	func main() {
//		if err := pluginsdk.Serve(pluginsdk.PollingPluginFunc(run)); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// The very same plugin can be compiled into a Collector (pluginextension). Serve sets os.Stdout to stderr, so that what
// the plugin prints goes to the Collector's log and not between the messages. It must be called once.
func Serve(plugin PollingPlugin, options ...ServeOption) error {
	out := os.Stdout
	os.Stdout = os.Stderr
	return serve(plugin, os.Stdin, out, options...)
}

func serve(plugin PollingPlugin, in io.Reader, out io.Writer, options ...ServeOption) error {
	s := &server{
		plugin: plugin, out: out, concurrency: DefaultConcurrency,
		runs: map[int64]context.CancelFunc{}, calls: map[int64]chan hostAnswer{},
	}
	for _, o := range options {
		o(s)
	}
	s.base, s.stop = context.WithCancel(context.Background())
	defer s.wg.Wait()
	defer s.stop()
	lines := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 && err == nil {
			s.message(line)
		}
		switch {
		case s.ended:
			return nil
		case errors.Is(err, io.EOF):
			return nil // the host is gone
		case err != nil:
			return fmt.Errorf("read from host: %w", err)
		}
	}
}

// server is a plugin that answers a host.
type server struct {
	plugin      PollingPlugin
	concurrency int
	level       slog.LevelVar
	sites       []string // before the first run
	ended       bool

	base context.Context // of all runs
	stop context.CancelFunc
	wg   sync.WaitGroup

	writing sync.Mutex
	out     io.Writer

	mu     sync.Mutex
	runs   map[int64]context.CancelFunc
	calls  map[int64]chan hostAnswer
	lastID int64
}

// hostAnswer is the host's answer to one of our calls.
type hostAnswer struct {
	result json.RawMessage
	err    error
}

type serverMessage struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (s *server) message(line []byte) {
	if s.quickRun(line) {
		return
	}
	var m serverMessage
	if err := json.Unmarshal(line, &m); err != nil {
		s.fail(json.RawMessage("null"), codeParse, err.Error())
		return
	}
	if m.Method == "" {
		s.answered(&m)
		return
	}
	switch m.Method {
	case "initialize":
		s.initialize(&m)
	case "describe":
		s.describe(&m)
	case "run":
		s.run(&m)
	case "cancel":
		s.cancel(&m)
	case "shutdown":
		s.ended = true
		s.stop()
		s.respond(m.ID, []byte("{}"))
	default:
		s.fail(m.ID, codeMethodNotFound, "method not found: "+m.Method)
	}
}

func (s *server) write(line []byte) {
	s.writing.Lock()
	defer s.writing.Unlock()
	_, _ = s.out.Write(line) // a host that does not read any more ends us
}

func (s *server) respond(id json.RawMessage, result []byte) {
	if len(id) == 0 {
		return // a notification has no answer
	}
	b := make([]byte, 0, len(result)+64)
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	b = append(b, `,"result":`...)
	b = append(b, result...)
	s.write(append(b, "}\n"...))
}

func (s *server) fail(id json.RawMessage, code int, message string) {
	if len(id) == 0 {
		return
	}
	s.writeJSON(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": code, "message": message}})
}

func (s *server) writeJSON(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		return // nothing of ours cannot be marshalled
	}
	s.write(append(line, '\n'))
}

func (s *server) initialize(m *serverMessage) {
	var params struct {
		LogLevel string `json:"log_level"`
		Context  struct {
			Sites []string `json:"sites"`
		} `json:"context"`
	}
	if err := json.Unmarshal(m.Params, &params); err != nil {
		s.fail(m.ID, codeInvalidParams, err.Error())
		return
	}
	s.sites = params.Context.Sites
	switch params.LogLevel {
	case "debug":
		s.level.Set(slog.LevelDebug)
	case "warning":
		s.level.Set(slog.LevelWarn)
	case "error":
		s.level.Set(slog.LevelError)
	}
	s.respond(m.ID, fmt.Appendf(nil, `{"protocol_version":%d,"capabilities":{"concurrency":%d}}`, ProtocolVersion, s.concurrency))
}

// describe answers with the plugin's contract, an empty one where it has none.
func (s *server) describe(m *serverMessage) {
	contract := Contract{Groups: []GroupContract{}}
	if d, ok := s.plugin.(Describer); ok {
		contract = d.Describe()
	}
	s.writeJSON(map[string]any{"jsonrpc": "2.0", "id": m.ID, "result": contract})
}

// serverRun are the parameters of "run".
type serverRun struct {
	ID       int64     `json:"run_id"`
	Resource *Resource `json:"resource"`
	Config   Config    `json:"config"`
	Interval int64     `json:"interval"`
	Deadline float64   `json:"deadline"`
	Now      *Number   `json:"now"`
}

func (s *server) run(m *serverMessage) {
	var params serverRun
	if err := json.Unmarshal(m.Params, &params); err != nil {
		s.fail(m.ID, codeInvalidParams, err.Error())
		return
	}
	if params.Resource == nil {
		s.fail(m.ID, codeInvalidParams, "resource must be given")
		return
	}
	s.start(m.ID, &params)
}

// quickRun takes a request to run that is written as hosts mostly do, without going through its parameters twice. It
// says whether it was one.
func (s *server) quickRun(line []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte(`{"jsonrpc":"2.0","id":`))
	if !ok {
		return false
	}
	digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789"))
	text, ok := bytes.CutPrefix(rest[digits:], []byte(`,"method":"run","params":`))
	if !ok || digits == 0 || rest[0] == '0' || !bytes.HasSuffix(text, []byte("}")) {
		return false
	}
	var params serverRun
	if json.Unmarshal(text[:len(text)-1], &params) != nil || params.Resource == nil {
		return false
	}
	s.start(bytes.Clone(rest[:digits]), &params)
	return true
}

// start begins a run.
func (s *server) start(id json.RawMessage, params *serverRun) {
	if params.Interval <= 0 {
		params.Interval = 60
	}
	deadline := time.Now().Add(time.Duration(params.Interval) * time.Second)
	if params.Deadline > 0 {
		deadline = time.UnixMilli(int64(params.Deadline * 1000))
	}
	ctx, cancel := context.WithDeadline(s.base, deadline)
	s.mu.Lock()
	s.runs[params.ID] = cancel
	s.mu.Unlock()
	s.wg.Go(func() {
		defer cancel()
		result := s.call(ctx, params)
		s.mu.Lock()
		delete(s.runs, params.ID)
		s.mu.Unlock()
		s.respond(id, result)
	})
}

func (s *server) cancel(m *serverMessage) {
	var params struct {
		ID int64 `json:"run_id"`
	}
	if json.Unmarshal(m.Params, &params) != nil {
		return
	}
	s.mu.Lock()
	cancel := s.runs[params.ID]
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// call calls the plugin and returns the result of "run". A panic becomes one.
func (s *server) call(ctx context.Context, params *serverRun) (result []byte) {
	defer func() {
		if v := recover(); v != nil {
			result = raised(params.ID, "panic", fmt.Sprint(v), string(debug.Stack()))
		}
	}()
	if params.Now != nil {
		givenNow.Store(params.Now)
		defer givenNow.Store(nil)
	}
	host := &hostClient{s}
	set, err := s.plugin.Run(ctx, &PluginContext{
		Resource: params.Resource, Config: params.Config, Interval: time.Duration(params.Interval) * time.Second,
		Logger: slog.New(&serverLog{server: s, run: params.ID}), KV: host, Secrets: hostSecrets{host}, Sites: s.sites,
	})
	switch {
	case errors.Is(err, ErrNoResults) || err == nil && set == nil:
		return fmt.Appendf(nil, `{"run_id":%d,"outcome":"none"}`, params.ID)
	case err != nil:
		return raised(params.ID, "", err.Error(), "")
	}
	b := make([]byte, 0, 2048)
	b = fmt.Appendf(b, `{"run_id":%d,"outcome":"ok","groups":[`, params.ID)
	var dropped []serverDrop
	first := true
	for _, g := range set.Groups() {
		if g = finite(g, &dropped); g == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		resource := g.Resource
		if resource == params.Resource {
			resource = nil // the host knows
		}
		b = g.appendJSON(b, resource)
	}
	b = append(b, ']')
	if len(dropped) > 0 {
		text, _ := json.Marshal(dropped) // strings
		b = append(append(b, `,"dropped":`...), text...)
	}
	return append(b, '}')
}

func raised(run int64, kind, message, traceback string) []byte {
	text, _ := json.Marshal(map[string]string{"type": kind, "message": message, "traceback": traceback}) // strings
	return fmt.Appendf(nil, `{"run_id":%d,"outcome":"raised","error":%s}`, run, text)
}

// serverDrop is a metric that has no form in JSON.
type serverDrop struct {
	Group   string `json:"group"`
	Metric  string `json:"metric"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// finite is g without the metrics that are NaN or infinite, or nil where none is left.
func finite(g *MetricsGroup, dropped *[]serverDrop) *MetricsGroup {
	if !slices.ContainsFunc(g.metrics, func(m Metric) bool { return !m.Value.IsFinite() }) {
		return g
	}
	out := &MetricsGroup{
		Resource: g.Resource, Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp, CountersSince: g.CountersSince,
		dimensions: g.dimensions,
	}
	for _, m := range g.metrics {
		if m.Value.IsFinite() {
			out.metrics = append(out.metrics, m)
			continue
		}
		*dropped = append(*dropped, serverDrop{g.Type, m.Name, "not_finite", fmt.Sprintf(
			"group %q: metric_value of %q is %s: it must be finite", g.Type, m.Name, m.Value)})
	}
	if len(out.metrics) == 0 {
		return nil
	}
	return out
}
