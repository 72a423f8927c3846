package sources

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// echo is a server that says in its status line, in its body, by redirects and by bad headers what it was asked with.
func echo(w http.ResponseWriter, r *http.Request) {
	token, all := r.Header.Get("X-Token"), fmt.Sprintf("%s %s %s", r.Header.Get("X-Token"), r.Header.Get("Authorization"), r.URL)
	switch r.URL.Path {
	case "/status", "/header":
		conn, out, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		if r.URL.Path == "/header" {
			_, _ = fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nBad %s: x\r\n\r\n", all)
		} else {
			_, _ = fmt.Fprintf(out, "HTTP/1.1 403 denied for %s\r\nContent-Length: 0\r\n\r\n", all)
		}
		_ = out.Flush()
	case "/body":
		_, _ = fmt.Fprintf(w, "[%s]", all)
	case "/entry":
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `[{"resource_id":%q}]`, all)
	case "/redirect":
		w.Header().Set("Location", "http://"+token+".example/")
		w.WriteHeader(http.StatusFound)
	}
}

// TestEcho: what a server sends back of a request's secrets is neither logged nor shown.
func TestEcho(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	for _, path := range []string{"/status", "/header", "/body", "/entry", "/redirect"} {
		for _, user := range []*url.Userinfo{nil, url.UserPassword("usr", "UrlPassword")} {
			at, err := url.Parse(server.URL + path + "?token=QueryToken&a=b%2Fcdef")
			require.NoError(t, err)
			at.User = user
			client := &http.Client{Transport: addToken{http.DefaultTransport}} // which no setting names
			KeepTo(client, at, nil)
			core, logs := observer.New(zap.DebugLevel)
			var secrets []string
			if path == "/header" {
				secrets = []string{"geheim"} // without an answer nothing else is known
			}
			h := NewHTTP(HTTPSettings{
				Read: ResourceAnswers(nil), URL: at, MaxSize: 2000, Client: client, Secrets: secrets, Logger: zap.New(core), Failed: func() {},
			})
			joined := store.New(store.Settings{Changed: func([]*pluginsdk.Resource) {}})
			h.source = joined.Open(store.Place{Kind: store.KindHTTP})
			h.take(t.Context(), time.Now())
			var lines string
			for _, line := range logs.All() {
				lines += fmt.Sprintln(line.Message, line.ContextMap())
			}
			lines += joined.Sources()[0].Error
			if path != "/body" { // of which a letter is told
				assert.Contains(t, lines, "(secret)", path)
			}
			require.NotEmpty(t, lines, path)
			for _, secret := range []string{"geheim", "UrlPassword", "dXNyOlVybFBhc3N3b3Jk", "QueryToken", "cdef"} {
				assert.NotContains(t, lines, secret, path)
			}
		}
	}
}
