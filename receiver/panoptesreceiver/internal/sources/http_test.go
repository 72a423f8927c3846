package sources

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// page is a server's answer, and what it was asked with.
type page struct {
	status              int
	kind, text, etag    string
	modified            string
	noneMatch, notSince string
	short               bool // it breaks off
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.noneMatch, p.notSince = r.Header.Get("If-None-Match"), r.Header.Get("If-Modified-Since")
	w.Header().Set("Content-Type", p.kind)
	w.Header().Set("ETag", p.etag)
	w.Header().Set("Last-Modified", p.modified)
	if p.etag != "" && p.noneMatch == p.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if p.short {
		w.Header().Set("Content-Length", "1000")
	}
	w.WriteHeader(p.status)
	_, _ = w.Write([]byte(p.text))
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	p := &page{status: 200, kind: "application/json", text: "[" + resource("a", "1", "5") + "]", etag: `"1"`, modified: "Mon, 02 Jan 2006 15:04:05 GMT"}
	server := httptest.NewServer(p)
	defer server.Close()
	at, err := url.Parse(server.URL + "/list")
	require.NoError(t, err)
	at.User = url.UserPassword("u", "geheim")
	core, logs := observer.New(zap.InfoLevel)
	joined := store.New(store.Settings{Changed: func([]*pluginsdk.Resource) {}})
	failed := 0
	h := NewHTTP(HTTPSettings{
		Kind: store.KindHTTP, Read: ResourceAnswers(nil), Accept: AcceptResources,
		Listed: func() {},
		URL:    at, Interval: time.Minute, MaxSize: 2000, Client: server.Client(), Logger: zap.New(core), Failed: func() { failed++ },
	})
	h.source = joined.Open(store.Place{Kind: store.KindHTTP, Name: at.Redacted()})
	now := time.Now()
	status := func() store.SourceStatus { return joined.Sources()[0] }

	h.take(t.Context(), now)
	assert.Equal(t, 1, status().Resources)
	h.take(t.Context(), now.Add(time.Minute))
	assert.Equal(t, `"1"`, p.noneMatch)
	assert.Equal(t, p.modified, p.notSince)
	assert.Equal(t, now.Add(time.Minute), status().Refreshed, "not modified is refreshed")
	assert.Equal(t, now, status().Changed)

	for _, bad := range []struct {
		page page
		want string
	}{
		{page{status: 500}, "500"},
		{page{status: 200, text: "{"}, "line 1, column 2"},
		{page{status: 200, text: "[" + strings.Repeat(" ", 2000) + "]"}, "larger than max_size, which is 2000 bytes"},
		{page{status: 200, text: "[]", short: true}, "unexpected EOF"},
	} {
		*p = bad.page
		h.take(t.Context(), now.Add(2*time.Minute))
		require.Contains(t, status().Error, bad.want)
		assert.Equal(t, 1, status().Resources, "the last good list stays")
		assert.Equal(t, now.Add(time.Minute), status().Refreshed)
	}
	assert.Equal(t, 1, failed, "it fails once")
	assert.Equal(t, 1, logs.FilterMessage("Cannot load resources").Len())

	*p = page{status: 200, kind: "text/yaml; charset=utf-8", text: "- " + resource("b", "1", "5") + "\n- x\n"}
	h.take(t.Context(), now.Add(3*time.Minute))
	require.Empty(t, status().Error)
	assert.Equal(t, 1, logs.FilterMessage("Resources can be loaded again").Len())
	assert.Equal(t, 1, logs.FilterMessageSnippet("bad entry").Len())
	server.Close()
	h.take(t.Context(), now.Add(4*time.Minute))
	require.NotEmpty(t, status().Error)
	for _, line := range logs.All() {
		assert.NotContains(t, fmt.Sprint(line), "geheim")
	}
	assert.NotContains(t, status().Error, "geheim")
}

func TestHTTPEnds(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-hang }))
	defer server.Close()
	defer close(hang)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	joined := store.New(store.Settings{Changed: func([]*pluginsdk.Resource) {}})
	h := NewHTTP(HTTPSettings{
		Kind: store.KindHTTP, Read: ResourceAnswers(nil), Accept: AcceptResources,
		Listed: func() {},
		URL:    at, Interval: time.Minute, MaxSize: 1, Client: server.Client(), Logger: zap.NewNop(),
		Failed: func() { t.Error("the end is no failure") },
	})
	ctx, cancel := contextOf(t)
	done := make(chan struct{})
	go func() { defer close(done); h.Run(ctx, joined) }()
	<-asked
	cancel()
	<-done
}

// TestRedirects: a server that sends on to another host is followed only if that is wanted, and then without credentials.
func TestRedirects(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization") + r.Header.Get("X-Token") + r.Header.Get("Referer")
		_, _ = w.Write([]byte("[]"))
	}))
	defer other.Close()
	var home *httptest.Server
	home = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list":
			http.Redirect(w, r, "/moved", http.StatusFound)
		case "/moved":
			assert.Equal(t, "geheim", r.Header.Get("X-Token"), "at home it is sent")
			http.Redirect(w, r, other.URL+"/list?token=hidden", http.StatusFound)
		case "/user":
			http.Redirect(w, r, strings.Replace(other.URL, "://", "://"+strings.TrimPrefix(home.URL, "http://")+":x@", 1), http.StatusFound)
		case "/scheme":
			http.Redirect(w, r, strings.Replace(home.URL, "http:", "https:", 1), http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		}
	}))
	defer home.Close()
	ask := func(path string, elsewhere http.RoundTripper) error {
		at, err := url.Parse(home.URL + path)
		require.NoError(t, err)
		at.User = url.UserPassword("u", "p")
		client := home.Client()
		client.Transport = addToken{http.DefaultTransport}
		KeepTo(client, at, elsewhere)
		h := NewHTTP(HTTPSettings{
			Kind: store.KindHTTP, Read: ResourceAnswers(nil), Accept: AcceptResources,
			Listed: func() {},
			URL:    at, Interval: time.Minute, MaxSize: 2000, Client: client, Logger: zap.NewNop(), Failed: func() {},
		})
		h.source = store.New(store.Settings{Changed: func([]*pluginsdk.Resource) {}}).Open(store.Place{Kind: store.KindHTTP})
		return h.request(t.Context(), time.Now())
	}
	err := ask("/list", nil)
	require.ErrorContains(t, err, "redirects to another host")
	require.ErrorContains(t, err, "follow_other_hosts")
	assert.NotContains(t, err.Error(), "hidden")
	for _, path := range []string{"/user", "/scheme"} { // what looks like our host is a user; ours speaks no https
		require.ErrorContains(t, ask(path, nil), "redirects to another host")
	}
	require.ErrorContains(t, ask("/round", nil), "more than 10 times")
	assert.Empty(t, asked)
	require.NoError(t, ask("/list?token=ours", http.DefaultTransport))
	assert.Empty(t, <-asked, "nothing that says who we are")
}

type longStatus struct{}

func (longStatus) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusTeapot, Status: "418 \x1b[2J" + strings.Repeat("x", 1<<20), Body: http.NoBody}, nil
}

// TestLongStatus: what a server says instead of a list is cut, and steers no terminal.
func TestLongStatus(t *testing.T) {
	t.Parallel()
	h := NewHTTP(HTTPSettings{URL: &url.URL{Scheme: "http", Host: "h"}, Client: &http.Client{Transport: longStatus{}}, Logger: zap.NewNop()})
	err := h.request(t.Context(), time.Now())
	require.ErrorContains(t, err, `the server answers 418 \x1b[2Jxxx`)
	assert.Less(t, len(err.Error()), 2*maxStatusText)
}

type addToken struct{ next http.RoundTripper }

func (a addToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Token", "geheim")
	return a.next.RoundTrip(r)
}

func TestDisplayURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://h/list": "https://h/list",
		"https://u:p@h:8443/list?token=abc&page=2": "https://u:xxxxx@h:8443/list?token=xxxxx&page=xxxxx",
		"https://h/?abc#def":                       "https://h/?xxxxx",
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want, DisplayURL(u))
	}
}
