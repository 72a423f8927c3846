package snmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Methods implements hostapi.Service: Python plugins that derive from the generic plugin have the host poll.
func (r *Runtime) Methods() map[string]hostapi.Method {
	return map[string]hostapi.Method{"snmp.poll_generic": r.pollGeneric}
}

var _ hostapi.Service = (*Runtime)(nil)

// polled is the answer: groups in Panoptes' JSON, and the lines for the log.
type polled struct {
	Groups   []json.RawMessage `json:"groups"`
	Warnings []string          `json:"warnings"`
}

func (r *Runtime) pollGeneric(ctx context.Context, by hostapi.Caller, raw json.RawMessage) (any, error) {
	var params struct {
		Config pluginsdk.Config `json:"config"`
	}
	if err := json.Unmarshal(raw, &params); err != nil {
		return nil, &rpc.Error{Code: rpc.CodeInvalidParams, Message: fmt.Sprintf("parameters of snmp.poll_generic: %v", err)}
	}
	if by.Resource == nil {
		return nil, errors.New("snmp.poll_generic is for runs against a resource")
	}
	interval, err := strconv.Atoi(strings.TrimSpace(params.Config["main"]["execute_frequency"]))
	if err != nil || interval <= 0 {
		return nil, &rpc.Error{Code: rpc.CodeInvalidParams, Message: "[main] execute_frequency must be a whole number greater than zero"}
	}
	lines := &collected{}
	groups, err := r.shared.groups(ctx, r, &genericRun{
		resource: by.Resource, config: params.Config, interval: interval, now: pluginsdk.Now(), log: slog.New(lines), folder: by.Folder,
	})
	if err != nil {
		return nil, err
	}
	out := polled{Groups: make([]json.RawMessage, 0, len(groups)), Warnings: []string{}}
	for _, g := range groups {
		if text := g.AppendJSON(nil); json.Valid(text) {
			out.Groups = append(out.Groups, text)
			continue
		}
		lines.add(fmt.Sprintf("group %q is dropped: a metric_value is not finite", g.Type))
	}
	out.Warnings = append(out.Warnings, lines.all...)
	return out, nil
}

// collected keeps lines of a log. It is safe for concurrent use.
type collected struct {
	mu  sync.Mutex
	all []string
}

func (c *collected) add(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, line)
}

// Enabled implements slog.Handler.
func (c *collected) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (c *collected) Handle(_ context.Context, record slog.Record) error {
	c.add(record.Message)
	return nil
}

// WithAttrs implements slog.Handler.
func (c *collected) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup implements slog.Handler.
func (c *collected) WithGroup(string) slog.Handler { return c }
