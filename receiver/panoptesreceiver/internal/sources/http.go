package sources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/targets"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// ReadAnswer reads a server's answer: what it lists, and what is left out, or why it lists nothing.
type ReadAnswer func(answer *http.Response, data []byte) (list []*pluginsdk.Resource, warnings []error, err error)

// HTTPSettings are what NewHTTP takes.
type HTTPSettings struct {
	// URL is what is asked for.
	URL *url.URL
	// Interval is the time between two requests.
	Interval time.Duration
	// MaxSize is the most bytes that an answer may have.
	MaxSize int64
	// Accept are the media types that are asked for.
	Accept string
	// Read reads what the server answers.
	Read ReadAnswer
	// Kind is the kind of source that it is.
	Kind store.Kind
	// Client makes the requests.
	Client *http.Client
	// Secrets are the values of headers that Client sends. Nothing that the server says is told with them.
	Secrets []string
	// Order is the server's place among those of the configuration.
	Order int
	// Logger gets a line when a list is loaded, and when the server begins to fail or to answer again.
	Logger *zap.Logger
	// Failed is called when the server begins to fail, from the goroutine of Run.
	Failed func()
	// Listed is called once, from there, too, after the first request.
	Listed func()
}

// HTTP asks a server for resources.
type HTTP struct {
	settings     HTTPSettings
	source       *store.Source
	logger       *zap.Logger
	etag         string
	lastModified string
	failing      bool
}

// NewHTTP returns the source.
func NewHTTP(s HTTPSettings) *HTTP {
	return &HTTP{settings: s, logger: s.Logger.With(zap.String("url", DisplayURL(s.URL)))}
}

// Run implements resource.Provider: it asks at once, and every interval, a tenth more or less, until ctx ends.
func (h *HTTP) Run(ctx context.Context, out *store.Store) {
	h.source = out.Open(store.Place{Kind: h.settings.Kind, Order: h.settings.Order, Name: DisplayURL(h.settings.URL)})
	for first := true; ; first = false {
		h.take(ctx, time.Now())
		if first {
			h.settings.Listed()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(h.settings.Interval*9/10 + rand.N(h.settings.Interval/5+1)):
		}
	}
}

// take asks once.
func (h *HTTP) take(ctx context.Context, now time.Time) {
	err := h.request(ctx, now)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		h.source.Fail(err)
		if !h.failing {
			h.settings.Failed()
			h.logger.Error("Cannot load resources", zap.Error(err), zap.Int("resources", h.source.Len()),
				zap.String("next", "fix the server; what it listed last stays for its times to live"))
		}
		h.failing = true
	case h.failing:
		h.failing = false
		h.logger.Info("Resources can be loaded again")
	}
}

func (h *HTTP) request(ctx context.Context, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.settings.URL.String(), http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", h.settings.Accept)
	if h.etag != "" {
		req.Header.Set("If-None-Match", h.etag)
	}
	if h.lastModified != "" {
		req.Header.Set("If-Modified-Since", h.lastModified)
	}
	answer, err := h.settings.Client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return h.sentSecrets(answer).Error(err)
	}
	defer answer.Body.Close()
	if err := h.answered(answer, now); err != nil {
		return h.sentSecrets(answer).Error(err)
	}
	return nil
}

// sentSecrets knows what was sent that nobody else may read: what is configured, and what the request of an answer, which may be
// nil, had besides.
func (h *HTTP) sentSecrets(answer *http.Response) *logs.Scrubber {
	known := &logs.Scrubber{}
	for _, secret := range h.settings.Secrets {
		known.AddHeader(secret)
	}
	known.AddURL(h.settings.URL)
	known.AddAnswered(answer)
	return known
}

// answered takes an answer.
func (h *HTTP) answered(answer *http.Response, now time.Time) error {
	switch answer.StatusCode {
	case http.StatusOK:
		return h.read(answer, now)
	case http.StatusNotModified:
		h.source.Refresh(now)
		if h.failing {
			h.source.Recovered()
		}
		return nil
	}
	return fmt.Errorf("the server answers %s", logs.KeepStart(logs.OneLine(h.sentSecrets(answer).Clean(answer.Status)), maxStatusText))
}

func (h *HTTP) read(answer *http.Response, now time.Time) error {
	var data []byte
	if answer.ContentLength <= h.settings.MaxSize { // else it is not even read
		var err error
		if data, err = io.ReadAll(io.LimitReader(answer.Body, h.settings.MaxSize+1)); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
	}
	if answer.ContentLength > h.settings.MaxSize || int64(len(data)) > h.settings.MaxSize {
		return fmt.Errorf("the answer is larger than max_size, which is %d bytes", h.settings.MaxSize)
	}
	list, warnings, err := h.settings.Read(answer, data)
	if err != nil {
		return fmt.Errorf("the answer does not parse: %w", err)
	}
	if len(warnings) > 0 {
		secrets := h.sentSecrets(answer)
		for i, w := range warnings {
			warnings[i] = secrets.Error(w)
		}
		warnEntries(h.logger, warnings)
	}
	taken := h.source.Set(list, now)
	h.etag, h.lastModified = answer.Header.Get("ETag"), answer.Header.Get("Last-Modified")
	if taken { // else the store has said why not
		h.logger.Info("Loaded resources", zap.Int("resources", len(list)))
	}
	return nil
}

// AcceptResources are the media types that ResourceAnswers reads.
const AcceptResources = "application/json, application/yaml, application/x-ndjson, text/csv"

// ResourceAnswers reads answers in the formats of package parse.
func ResourceAnswers(defaults *pluginsdk.Resource) ReadAnswer {
	return func(answer *http.Response, data []byte) ([]*pluginsdk.Resource, []error, error) {
		return parse.Parse(formatOf(answer), data, defaults)
	}
}

// AcceptTargets is the media type of Prometheus' http_sd.
const AcceptTargets = "application/json"

// TargetAnswers reads answers that are target groups, as Prometheus' http_sd has them. Each target gets the label __meta_url, as people
// see the URL.
func TargetAnswers(reader targets.Reader) ReadAnswer {
	return func(answer *http.Response, data []byte) ([]*pluginsdk.Resource, []error, error) {
		return reader.Read(data, false, map[string]string{"__meta_url": DisplayURL(answer.Request.URL)})
	}
}

// DisplayURL is a URL for people: without its password and without the values of its query, which may be tokens.
func DisplayURL(u *url.URL) string {
	shown := *u
	shown.Fragment, shown.RawFragment = "", ""
	var query []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if name, _, ok := strings.Cut(pair, "="); ok {
			query = append(query, name+"=xxxxx")
		} else if pair != "" {
			query = append(query, "xxxxx")
		}
	}
	shown.RawQuery = strings.Join(query, "&")
	return shown.Redacted()
}

// maxStatusText is how much is told of what a server says instead of a list.
const maxStatusText = 200

// maxRedirects is how often a server may send on.
const maxRedirects = 10

// KeepTo has a client follow redirects to the host of home alone, or, where elsewhere is set, to other hosts as well, but
// without its credentials: by the transport elsewhere. A redirect from https to http is one to another host.
func KeepTo(client *http.Client, home *url.URL, elsewhere http.RoundTripper) {
	client.Transport = &homeTransport{home: home, with: cmp.Or(client.Transport, http.DefaultTransport), without: elsewhere}
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		switch {
		case len(via) >= maxRedirects:
			return fmt.Errorf("the server redirects more than %d times", maxRedirects)
		case !isHome(home, req.URL) && elsewhere == nil:
			return fmt.Errorf("the server redirects to another host, %s://%s: set follow_other_hosts to allow that, without credentials",
				req.URL.Scheme, req.URL.Host)
		}
		req.Header.Del("Referer") // it has the query of our URL, which may be a token
		return nil
	}
}

func isHome(home, u *url.URL) bool { return u.Scheme == home.Scheme && u.Host == home.Host }

type homeTransport struct {
	home          *url.URL
	with, without http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *homeTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if isHome(t.home, req.URL) {
		return t.with.RoundTrip(req)
	}
	return t.without.RoundTrip(req)
}

// formatOf tells the format by what the server says, or by the end of the path.
func formatOf(answer *http.Response) parse.Format {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		return parse.FormatJSON
	case "application/x-ndjson", "application/jsonl":
		return parse.FormatJSONLines
	case "application/yaml", "application/x-yaml", "text/yaml":
		return parse.FormatYAML
	case "text/csv":
		return parse.FormatCSV
	}
	return parse.FormatOf(answer.Request.URL.Path)
}

// warnEntries logs entries that are left out.
func warnEntries(logger *zap.Logger, warnings []error) {
	for i, w := range warnings {
		if i == maxWarnings {
			logger.Warn("List of resources has more bad entries", zap.Int("more", len(warnings)-i))
			break
		}
		logger.Warn("List of resources has a bad entry, which is left out", zap.Error(w))
	}
}
