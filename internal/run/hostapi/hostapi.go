// Package hostapi answers what plugins ask of the host while they run: the key-value store, the secrets, enrichment. Each
// is a Service, which names its methods of the plugin protocol (docs/plugin-protocol.md); a Table joins them.
package hostapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Caller is the run that asks.
type Caller struct {
	Plugin string
	// Folder is that of the plugin file, where relative paths in it start; "" where that is not known.
	Folder string
	// Resource is nil where the plugin runs against none, and where it cannot be told which of several runs asks.
	Resource *pluginsdk.Resource
	RunID    int64
}

// Method answers one call. ctx ends with the run that asks. It is called from many goroutines.
type Method func(ctx context.Context, by Caller, params json.RawMessage) (any, error)

// Service has some methods, by their names in the plugin protocol.
type Service interface {
	Methods() map[string]Method
}

// Intercept is told of each call that a plugin makes of its host, by method and parameters of the plugin protocol, and
// returns the answer: that of the host, which answer gives, or one of its own. It is called from many goroutines. Plugins
// that are compiled in make no such calls.
type Intercept func(ctx context.Context, method string, params json.RawMessage, answer func() (any, error)) (any, error)

// Table is all that the host answers.
type Table struct {
	methods   map[string]Method
	intercept Intercept
}

// NewTable joins services, whose methods have different names. intercept may be nil.
func NewTable(intercept Intercept, services ...Service) *Table {
	t := &Table{methods: map[string]Method{}, intercept: intercept}
	for _, s := range services {
		maps.Copy(t.methods, s.Methods())
	}
	return t
}

// Call answers a call. The error is an *rpc.Error where the call itself is wrong.
func (t *Table) Call(ctx context.Context, by Caller, method string, params json.RawMessage) (any, error) {
	answer := func() (any, error) {
		m, ok := t.methods[method]
		if !ok {
			return nil, rpc.MethodNotFound(method)
		}
		return m(ctx, by, params)
	}
	if t.intercept == nil {
		return answer()
	}
	return t.intercept(ctx, method, params, answer)
}

// params are the parameters of all methods of this package; which of them a method needs is checked by need.
type params struct {
	Key        *string  `json:"key"`
	Value      *string  `json:"value"`
	Expire     *float64 `json:"expire"`
	Pattern    *string  `json:"pattern"`
	Name       *string  `json:"name"`
	Member     *string  `json:"member"`
	Site       *string  `json:"site"`
	Fallback   *bool    `json:"fallback"`
	ResourceID *string  `json:"resource_id"`
	Namespace  *string  `json:"namespace"`
}

func (p *params) get(name string) *string {
	switch name {
	case "key":
		return p.Key
	case "value":
		return p.Value
	case "pattern":
		return p.Pattern
	case "name":
		return p.Name
	case "member":
		return p.Member
	case "resource_id":
		return p.ResourceID
	case "namespace":
		return p.Namespace
	}
	return p.Site
}

// method makes a method of a function that needs these parameters.
func method(name string, call func(context.Context, *params) (any, error), need ...string) Method {
	return func(ctx context.Context, _ Caller, raw json.RawMessage) (any, error) {
		var p params
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, invalidParams("parameters of %s: %v", name, err)
		}
		for _, n := range need {
			if p.get(n) == nil {
				return nil, invalidParams("parameters of %s: %q must be a string", name, n)
			}
		}
		return call(ctx, &p)
	}
}

func invalidParams(format string, args ...any) error {
	return &rpc.Error{Code: rpc.CodeInvalidParams, Message: fmt.Sprintf(format, args...)}
}
