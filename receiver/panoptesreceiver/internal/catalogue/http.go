package catalogue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
)

// HTTPSettings are what NewHTTP takes.
type HTTPSettings struct {
	// URL is what is asked for.
	URL *url.URL
	// Interval is the time between two requests.
	Interval time.Duration
	// MaxSize is the most bytes that an answer may have.
	MaxSize int64
	// Client makes the requests.
	Client *http.Client
	// Source gets what the server lists.
	Source *store.Source
	// Logger gets a line when a list is loaded, and when the server begins to fail or to answer again.
	Logger *zap.Logger
	// Failed is called when the server begins to fail, from the goroutine of Run.
	Failed func()
}

// HTTP asks a server for resources. Run is its life.
type HTTP struct {
	settings     HTTPSettings
	logger       *zap.Logger
	etag         string
	lastModified string
	failing      bool
}

// NewHTTP returns the source.
func NewHTTP(s HTTPSettings) *HTTP {
	return &HTTP{settings: s, logger: s.Logger.With(zap.String("url", s.URL.Redacted()))}
}

// Run asks at once, and every interval, a tenth more or less, until ctx ends.
func (h *HTTP) Run(ctx context.Context) {
	for {
		h.take(ctx, time.Now())
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
		h.settings.Source.Fail(err)
		if !h.failing {
			h.settings.Failed()
			h.logger.Error("Cannot load resources", zap.Error(err), zap.Int("resources", h.settings.Source.Len()),
				zap.String("next", "mend the server; what it listed last stays for its times to live"))
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
	req.Header.Set("Accept", "application/json, application/yaml, application/x-ndjson")
	if h.etag != "" {
		req.Header.Set("If-None-Match", h.etag)
	}
	if h.lastModified != "" {
		req.Header.Set("If-Modified-Since", h.lastModified)
	}
	answer, err := h.settings.Client.Do(req)
	if err != nil {
		var u *url.Error // names the URL, with its password
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return h.read(answer, now)
	case http.StatusNotModified:
		h.settings.Source.Refresh(now)
		if h.failing {
			h.settings.Source.Mend()
		}
		return nil
	}
	return fmt.Errorf("the server answers %s", answer.Status)
}

func (h *HTTP) read(answer *http.Response, now time.Time) error {
	data, err := io.ReadAll(io.LimitReader(answer.Body, h.settings.MaxSize+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(data)) > h.settings.MaxSize {
		return fmt.Errorf("the answer is larger than max_size, which is %d bytes", h.settings.MaxSize)
	}
	list, warnings, err := parse.Parse(formatOf(answer), data)
	if err != nil {
		return fmt.Errorf("the answer does not parse: %w", err)
	}
	warnEntries(h.logger, warnings)
	h.settings.Source.Set(list, now)
	h.etag, h.lastModified = answer.Header.Get("ETag"), answer.Header.Get("Last-Modified")
	h.logger.Info("Loaded resources", zap.Int("resources", len(list)))
	return nil
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
