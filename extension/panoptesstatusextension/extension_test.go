package panoptesstatusextension

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension/internal/metadatatest"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// site is the extension's handler behind a test server.
type site struct {
	*testing.T
	url string
	ext *statusExtension
}

func newSite(t *testing.T, actions ActionsConfig, receivers ...status.Receiver) site {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Actions = actions
	e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	e.now = func() time.Time { return at }
	for _, r := range receivers {
		e.Add(r)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = e.handler(server.Listener.Addr())
	server.Start()
	t.Cleanup(server.Close)
	return site{t, server.URL, e}
}

func (s site) get(path string) (int, string) {
	s.Helper()
	resp, err := http.Get(s.url + path)
	require.NoError(s, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(s, err)
	return resp.StatusCode, string(text)
}

func (s site) page(path string) string {
	s.Helper()
	code, text := s.get(path)
	require.Equal(s, http.StatusOK, code, text)
	return text
}

func get[T any](s site, path string) T {
	s.Helper()
	var v T
	require.NoError(s, json.Unmarshal([]byte(s.page(path)), &v))
	return v
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = "127.0.0.1:0"
	e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	assert.Equal(t, []status.Board{e}, status.Boards(map[component.ID]component.Component{component.NewID(metadata.Type): e}))

	f := newFake("", 1)
	remove := e.Add(f)
	assert.Equal(t, []status.Receiver{f}, e.all())
	remove()
	remove()
	assert.Empty(t, e.all())

	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, e.Shutdown(t.Context()))

	cfg.Server.NetAddr.Endpoint = "127.0.0.1:1x"
	e, err = newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.ErrorContains(t, e.Start(t.Context(), componenttest.NewNopHost()), `listen on endpoint "127.0.0.1:1x"`)
	require.NoError(t, e.Shutdown(t.Context()))
}

// TestForeignTLSFile: what is no file is not opened, and the error names the key.
func TestForeignTLSFile(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = "127.0.0.1:0"
	dir := t.TempDir()
	cfg.Server.TLS = configoptional.Some(configtls.ServerConfig{ClientCAFile: dir})
	e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.ErrorContains(t, e.Start(t.Context(), componenttest.NewNopHost()), "tls: client_ca_file: open "+dir+": it is no regular file")
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestOpenPagesAreWarnedOf(t *testing.T) {
	t.Parallel()
	logs, seen := observer.New(zap.WarnLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(logs)
	cfg := createDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = "0.0.0.0:0"
	e, err := newExtension(set, cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, e.Shutdown(t.Context()))
	require.Equal(t, 1, seen.Len())
	assert.Contains(t, seen.All()[0].Message, "Status pages are open to the network")
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{}, newFake("a", 120), newFake("b", 1))
	overview := s.page("/")
	assert.Contains(t, overview, "<b>242</b> tasks")
	assert.Contains(t, overview, "Power &amp; Fans")
	assert.Contains(t, overview, "<b>32 of 32</b> places for exec, 90 wanted")
	assert.Contains(t, overview, `<a href="tasks?state=late&amp;plugin=Power%20%26%20Fans"><b>2 of 2</b> places for Power &amp; Fans, 5 wanted`)
	assert.Contains(t, overview, "<code>processes::per_plugin</code>")
	assert.Contains(t, overview, "<code>processes::max_exec</code> <strong>runs wait: raise it</strong>")
	assert.NotContains(t, overview, "places for go")
	assert.Contains(t, overview, "SyntaxError: invalid syntax")
	assert.Contains(t, overview, `<time datetime="2026-11-25T11:58:30Z" title="2026-11-25T11:58:30Z">90 s ago</time>; its last good version runs on`)
	assert.Contains(t, overview, "status 503")
	assert.NotContains(t, overview, "its last good list stays", "it had none")
	assert.Contains(t, overview, `<td data-label="Cause" class="error">timeout: no answer</td>`, "failures of one cause are one line")
	assert.Equal(t, 2, strings.Count(overview, "timeout: no answer"), "one line for each plugin")
	assert.Regexp(t, `, 3 runs in a row</td>`, overview)
	assert.Contains(t, overview, `<a href="tasks?state=failing">All tasks that are failing: `)
	assert.Contains(t, overview, `<a href="tasks?state=backing_off">All tasks that are backing off: `)
	assert.Contains(t, overview, `<li>no resource matches<br>Next: change &lt;its&gt; filter (<a href="tasks?plugin=Power%20%26%20Fans">Power &amp; Fans</a>)<div class="file">panoptes/a</div></li>`)
	assert.Contains(t, overview, `<a href="#warnings"><b>2</b> warnings</a>`)
	assert.Contains(t, s.page("/plugins"), `against resource_class = &#34;network&#34;`)

	tasks := s.page("/tasks?state=failing&q=SWITCH-000007")
	assert.Contains(t, tasks, "<p>2 tasks</p>")
	assert.Contains(t, tasks, "timeout, 3 in a row: no answer")
	assert.NotContains(t, tasks, "switch-000008")

	first := s.page("/tasks?filter=" + url.QueryEscape(`resource_site = "dc1"`) + "&size=10")
	assert.Contains(t, first, "Page 1 of 9")
	assert.Contains(t, first, `rel="next" href="tasks?filter=resource_site`)
	assert.NotContains(t, first, `rel="prev"`)
	assert.NotContains(t, first, "dc2")

	matrix := s.page("/matrix?q=switch-000007")
	assert.Contains(t, matrix, `<th scope="col"><a href="tasks?plugin=Power%20%26%20Fans">`)
	assert.Contains(t, matrix, `title="timeout after 7 ms, begun 7 ms late, 0 data points, 12 kB; next in 30 s; no answer"`)
	resources := s.page("/resources?q=192.0.2.7")
	assert.Contains(t, resources, "&lt;b&gt;&#34;junos&#34;&lt;/b&gt;")
	assert.Contains(t, resources, "plugin|discovery|site|dc2|class|network|subclass|switch|type|generic|id|switch-000007|endpoint|192.0.2.7")
	assert.Contains(t, resources, "file &#34;/etc/panoptes/resources.json&#34;")

	link := "/" + taskLink("panoptes/a", &newFake("a", 8).tasks[14])
	detail := s.page(link)
	assert.Contains(t, detail, "line 7")
	assert.Contains(t, detail, "<code>panoptes plugin run /etc/panoptes/plugins/interfaces.panoptes-plugin --config FILE --receiver panoptes/a --resource switch-000007</code>")
	assert.Contains(t, detail, "&lt;script&gt;")
	assert.NotContains(t, detail, "Run now")
	assert.NotContains(t, detail, "metrics_group_type")
}

func TestExactly(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 s", 500 * time.Millisecond: "0.5 s", 12500 * time.Millisecond: "12.5 s", time.Minute: "60 s", 150 * time.Second: "2 min 30 s",
		375 * time.Second / 2: "3 min 7.5 s", time.Hour: "60 min", 2 * time.Hour: "2 h", 150 * time.Minute: "2 h 30 min", 48*time.Hour + time.Second: "48 h 1 s",
	} {
		assert.Equal(t, want, exactly(d))
	}
}

func taskLink(receiver string, t *status.Task) string {
	return "task?" + taskValues(receiver, t.TaskID()).Encode()
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{}, newFake("", 3))
	for query, want := range map[string]string{
		"state=odd":                "unknown state",
		"sort=odd":                 "unknown order",
		"page=0":                   "page: ",
		"size=x":                   "size: ",
		"filter=resource_class%3D": "filter: ",
	} {
		code, text := s.get("/tasks?" + query)
		assert.Equal(t, http.StatusBadRequest, code)
		assert.Contains(t, text, `role="alert">`)
		assert.Contains(t, text, "<p>6 tasks</p>", "the list is there all the same")
		code, text = s.get("/api/v1/tasks?" + query)
		assert.Equal(t, http.StatusBadRequest, code)
		assert.Contains(t, text, want)
	}
	code, text := s.get("/api/v1/resources?sort=name")
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, text, "leave sort out")
	code, text = s.get("/task?plugin=none")
	assert.Equal(t, http.StatusNotFound, code)
	assert.Contains(t, text, "there is no such task")
	code, _ = s.get("/nowhere")
	assert.Equal(t, http.StatusNotFound, code)
	assert.Contains(t, s.page("/tasks?page=99"), "No task matches")
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{})
	assert.Contains(t, s.page("/"), "No receiver <code>panoptes</code> runs")
	for _, path := range []string{"/tasks", "/matrix", "/resources"} {
		assert.Contains(t, s.page(path), "matches")
	}
	assert.Empty(t, get[[]status.Plugin](s, "/api/v1/plugins"))
}

func TestAPI(t *testing.T) {
	t.Parallel()
	f := newFake("", 100)
	s := newSite(t, ActionsConfig{}, f)
	overview := get[status.Overview](s, "/api/v1/overview")
	assert.Equal(t, 200, overview.Tasks)
	assert.Equal(t, 100, overview.Resources)
	assert.Equal(t, map[status.State]int{status.OK: 188, status.Failing: 4, status.BackingOff: 4, status.Waiting: 4}, overview.States)

	page := get[status.Page[status.Task]](s, "/api/v1/tasks?sort=duration&size=3&plugin=Interfaces")
	assert.Equal(t, 100, page.Total)
	assert.Equal(t, 34, page.Pages)
	assert.Equal(t, []string{"switch-000099", "switch-000098", "switch-000097"}, []string{page.Items[0].ID, page.Items[1].ID, page.Items[2].ID})
	assert.InDelta(t, 0.099, page.Items[0].Duration, 1e-9)
	for _, sort := range taskOrders {
		assert.Len(t, get[status.Page[status.Task]](s, "/api/v1/tasks?size=1000&sort="+sort).Items, 200, sort)
	}

	plugins := get[[]status.Plugin](s, "/api/v1/plugins")
	assert.Equal(t, "Interfaces", plugins[0].Name)
	assert.Equal(t, 4, plugins[0].Failing)
	assert.Equal(t, int64(9_000_000), plugins[0].Bytes)
	assert.Equal(t, "switch-000007", plugins[0].LastFailure.ID)
	for _, order := range pluginOrders {
		assert.Len(t, get[[]status.Plugin](s, "/api/v1/plugins?sort="+order), 2, order)
	}
	assert.Equal(t, "Power & Fans", get[[]status.Plugin](s, "/api/v1/plugins?sort=cpu")[0].Name)
	assert.Len(t, get[[]status.Plugin](s, "/api/v1/plugins?q=POWER"), 1)
	assert.InDelta(t, 60.0, plugins[0].Interval, 0)
	sources := get[[]status.Source](s, "/api/v1/sources")
	assert.Equal(t, "status 503", sources[1].Error)
	resources := get[status.Page[status.Resource]](s, "/api/v1/resources?q=switch-000001")
	require.Len(t, resources.Items, 1)
	assert.Equal(t, store.KindFile, resources.Items[0].Claims[0].Kind)
	assert.Equal(t, "switch-000001", resources.Items[0].Resource.ID)

	detail := get[status.Detail](s, "/api/v1/"+taskLink("panoptes", &f.tasks[14]))
	assert.Contains(t, detail.Error, "no answer")
	assert.Len(t, detail.Log, 1)
	assert.Empty(t, detail.Output, "last_output is off")
	assert.Equal(t, "switch-000007", detail.ID)
}

// The pages of a list, one after the other, are the list.
func TestPaging(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{}, newFake("a", 900), newFake("b", 700))
	for _, sort := range taskOrders {
		var paged []status.Task
		for page := 1; page <= 4; page++ {
			paged = append(paged, get[status.Page[status.Task]](s, fmt.Sprintf("/api/v1/tasks?sort=%s&size=100&page=%d", sort, page)).Items...)
		}
		assert.Equal(t, get[status.Page[status.Task]](s, "/api/v1/tasks?size=400&sort="+sort).Items, paged, sort)
	}
	assert.Empty(t, get[status.Page[status.Task]](s, "/api/v1/tasks?page=9223372036854775807").Items)
}

// TestEnrichment: what is kept of a resource is shown to those who were let, and links lead there.
func TestEnrichment(t *testing.T) {
	t.Parallel()
	f := newFake("", 1)
	s := newSite(t, ActionsConfig{Enrichment: true}, f)
	const at = "enrichment?receiver=panoptes&amp;id=switch-000000"
	assert.Contains(t, s.page("/resources"), at)
	assert.Contains(t, s.page("/"+taskLink("panoptes", &f.tasks[0])), at)
	page := s.page("/enrichment?receiver=panoptes&id=switch-000000")
	assert.Contains(t, page, `{&#34;1&#34;: {&#34;name&#34;: &#34;&lt;b&gt;eth0&#34;}}`)
	assert.Contains(t, page, "it is a set")
	assert.Contains(t, page, "and 3 more")
	all := get[[]status.Kept](s, "/api/v1/enrichment?id=a")
	require.Len(t, all, 1)
	assert.Equal(t, "panoptes", all[0].Receiver)
	assert.Equal(t, "a:errors", all[0].Items[1].Name)
	code, text := s.get("/api/v1/enrichment")
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, text, "id: name a resource")
	code, text = s.get("/api/v1/enrichment?id=broken")
	assert.Equal(t, http.StatusInternalServerError, code)
	assert.Contains(t, text, "the store is away")

	s = newSite(t, ActionsConfig{}, f)
	assert.NotContains(t, s.page("/resources"), at)
	for _, path := range []string{"/enrichment?id=a", "/api/v1/enrichment?id=a"} {
		code, text = s.get(path)
		assert.Equal(t, http.StatusForbidden, code, path)
		assert.Contains(t, text, "set actions::enrichment of panoptes_status", path)
		assert.NotContains(t, text, "eth0", path)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	f := newFake("", 10)
	s := newSite(t, ActionsConfig{RunNow: true, LastOutput: true}, f)
	link := taskLink("panoptes", &f.tasks[0])
	page := s.page("/" + link)
	assert.Contains(t, page, "Run now")
	assert.Contains(t, page, "metrics_group_type")
	assert.Contains(t, page, "<summary>Show last output: 1 group</summary>")

	post := func(path string, task *status.Task, header ...string) (int, string) {
		form := taskValues("panoptes", task.TaskID())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	code, text := post("/run", &f.tasks[0])
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, "ran just now")
	assert.NotContains(t, s.page("/"+link), "ran just now")
	code, text = post("/api/v1/run", &f.tasks[0])
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, `"resource_id":"switch-000000"`)
	assert.Equal(t, int64(2), f.ran.Load())

	code, _ = post("/run", &f.tasks[18])
	assert.Equal(t, http.StatusConflict, code, "it is running")
	code, _ = post("/api/v1/run", &newFake("", 11).tasks[20])
	assert.Equal(t, http.StatusNotFound, code)
	code, _ = post("/run", &f.tasks[0], "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, code, "somebody else's page")
	assert.Equal(t, int64(2), f.ran.Load())

	off := newSite(t, ActionsConfig{}, f)
	resp, err := http.PostForm(off.url+"/run", taskValues("panoptes", f.tasks[0].TaskID()))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
}

// A name that an attacker lets mean 127.0.0.1 is refused, and so are frames and scripts.
func TestGuards(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{})
	for host, want := range map[string]int{
		"": http.StatusOK, "localhost:1": http.StatusOK, "[::1]:1": http.StatusOK, "127.0.0.1": http.StatusOK,
		"evil.example": http.StatusMisdirectedRequest, "10.0.0.1:80": http.StatusMisdirectedRequest,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/", nil)
		require.NoError(t, err)
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, resp.StatusCode, host)
		assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	}
	assert.Contains(t, s.page("/style.css"), "color-scheme")
	assert.Contains(t, s.page("/icon.svg"), "<svg")
}

func TestWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		15 * time.Microsecond: "15 µs", 20 * time.Millisecond: "20 ms", 1500 * time.Millisecond: "1.5 s", 90 * time.Second: "90 s",
		4 * time.Second: "4 s", 0: "0 s", 5 * time.Minute: "5 min", 3 * time.Hour: "3 h", 50 * time.Hour: "2 days",
	} {
		assert.Equal(t, want, duration(d))
	}
	assert.Equal(t, "never", ago(at, time.Time{}))
	assert.Equal(t, "in 5 min", ago(at, at.Add(5*time.Minute)))
	assert.Equal(t, "1\u202f234\u202f567", thousands(1234567))
	assert.Equal(t, "7", thousands(7))
	assert.Equal(t, "{\n  \"a\": 1\n}", indented([]byte(`{"a":1}`)))
	assert.Equal(t, "{", indented([]byte("{")))
	assert.Equal(t, "just now", ago(at, at.Add(-time.Millisecond)))
	assert.Equal(t, "due 90 s ago", due(at, at.Add(-90*time.Second)))
	assert.Equal(t, "now", due(at, at.Add(-time.Millisecond)))
	assert.Equal(t, "in 5 min", due(at, at.Add(5*time.Minute)))
	assert.Equal(t, "never", due(at, time.Time{}))
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 12_345: "12 kB", 999_499: "999 kB", 999_500: "1.0 MB", 5_700_000_000: "5.7 GB"} {
		assert.Equal(t, want, byteCount(n))
	}
}

func BenchmarkTasksOf100000(b *testing.B) {
	e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(b, err)
	e.Add(newFake("", 50_000))
	for b.Loop() {
		e.tasks(query{Page: 1, Size: 50, Text: "switch"})
	}
}

// TestTelemetry: what the extension counts of itself.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	e, err := newExtension(set, createDefaultConfig().(*Config))
	require.NoError(t, err)
	f := newFake("", 10)
	remove := e.Add(f)
	metadatatest.AssertEqualPanoptesStatusReceivers(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
	for _, task := range []*status.Task{&f.tasks[0], &f.tasks[0], &f.tasks[18], &newFake("", 11).tasks[20]} {
		request := httptest.NewRequest(http.MethodPost, "/run", strings.NewReader(taskValues("panoptes", task.TaskID()).Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		_ = e.runNow(request)
	}
	result := func(name string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("result", name))}
	}
	metadatatest.AssertEqualPanoptesStatusRunsRequested(t, tel,
		[]metricdata.DataPoint[int64]{result("ended", 2), result("busy", 1), result("no_task", 1)}, metricdatatest.IgnoreTimestamp())
	remove()
	metadatatest.AssertEqualPanoptesStatusReceivers(t, tel, []metricdata.DataPoint[int64]{{Value: 0}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, tel.Shutdown(t.Context()))
}

func BenchmarkLastPageOf100000(b *testing.B) {
	e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(b, err)
	e.Add(newFake("", 50_000))
	for b.Loop() {
		e.tasks(query{Page: 2000, Size: 50, Sort: "name"})
	}
}
