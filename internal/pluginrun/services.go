package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// services answers what plugins ask of the host: the key-value store and the secrets.
type services struct {
	kv        pluginsdk.KeyValueStore
	secrets   pluginsdk.SecretsStore
	intercept Intercept
}

// Intercept is told of each call that a plugin makes of its host, by method and parameters of the plugin protocol, and
// returns the answer: that of the host, which answer gives, or one of its own. It is called from many goroutines. Plugins
// that are compiled in make no such calls.
type Intercept func(ctx context.Context, method string, params json.RawMessage, answer func() (any, error)) (any, error)

func newServices(s Settings) *services {
	return &services{kv: s.KV, secrets: s.Secrets, intercept: s.Intercept}
}

// serviceParams are the parameters of all methods; which of them a method needs is checked by need.
type serviceParams struct {
	Key      *string  `json:"key"`
	Value    *string  `json:"value"`
	Expire   *float64 `json:"expire"`
	Pattern  *string  `json:"pattern"`
	Name     *string  `json:"name"`
	Member   *string  `json:"member"`
	Site     *string  `json:"site"`
	Fallback *bool    `json:"fallback"`

	ResourceID *string `json:"resource_id"`
	Namespace  *string `json:"namespace"`
}

// service is one method: the parameters it needs, and what it does with them.
type service struct {
	need []string
	call func(s *services, ctx context.Context, p *serviceParams) (any, error)
}

var serviceMethods = map[string]service{
	"kv.get":         {[]string{"key"}, (*services).get},
	"kv.set":         {[]string{"key", "value"}, (*services).set},
	"kv.getset":      {[]string{"key", "value"}, (*services).getSet},
	"kv.delete":      {[]string{"key"}, (*services).delete},
	"kv.ttl":         {[]string{"key"}, (*services).ttl},
	"kv.find_keys":   {[]string{"pattern"}, (*services).findKeys},
	"kv.set_add":     {[]string{"name", "member"}, (*services).setAdd},
	"kv.set_members": {[]string{"name"}, (*services).setMembers},
	"secrets.get":    {[]string{"name", "site"}, (*services).secret},
	"enrichment.get": {[]string{"resource_id", "namespace"}, (*services).enrichment},
}

func (s *services) handle(ctx context.Context, method string, raw json.RawMessage) (any, error) {
	if s.intercept == nil {
		return s.answer(ctx, method, raw)
	}
	return s.intercept(ctx, method, raw, func() (any, error) { return s.answer(ctx, method, raw) })
}

func (s *services) answer(ctx context.Context, method string, raw json.RawMessage) (any, error) {
	m, ok := serviceMethods[method]
	if !ok {
		return nil, rpc.MethodNotFound(method)
	}
	var p serviceParams
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, invalidParams(method, err)
	}
	for _, name := range m.need {
		if p.get(name) == nil {
			return nil, invalidParams(method, fmt.Errorf("%q must be a string", name))
		}
	}
	return m.call(s, ctx, &p)
}

func invalidParams(method string, err error) error {
	return &rpc.Error{Code: rpc.CodeInvalidParams, Message: fmt.Sprintf("parameters of %s: %v", method, err)}
}

func (p *serviceParams) get(name string) *string {
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

// ttl is how long a value is to live; no expire means for good. Redis refuses times that are not greater than zero.
func (p *serviceParams) ttl() (time.Duration, error) {
	if p.Expire == nil {
		return 0, nil
	}
	seconds := *p.Expire
	if !(seconds > 0) {
		return 0, &rpc.Error{Code: rpc.CodeInvalidParams, Message: fmt.Sprintf("expire must be greater than zero, is %v", seconds)}
	}
	return time.Duration(min(seconds, float64(math.MaxInt64/int64(time.Second))/2) * float64(time.Second)), nil
}

// valueResult has null for what is not there.
func valueResult(value string, err error) (any, error) {
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return map[string]any{"value": nil}, nil
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"value": value}, nil
}

func (s *services) get(ctx context.Context, p *serviceParams) (any, error) {
	return valueResult(s.kv.Get(ctx, *p.Key))
}

func (s *services) set(ctx context.Context, p *serviceParams) (any, error) {
	ttl, err := p.ttl()
	if err == nil {
		err = s.kv.Set(ctx, *p.Key, *p.Value, ttl)
	}
	return struct{}{}, err
}

func (s *services) getSet(ctx context.Context, p *serviceParams) (any, error) {
	ttl, err := p.ttl()
	if err != nil {
		return nil, err
	}
	return valueResult(s.kv.GetSet(ctx, *p.Key, *p.Value, ttl))
}

func (s *services) delete(ctx context.Context, p *serviceParams) (any, error) {
	return struct{}{}, s.kv.Delete(ctx, *p.Key)
}

// ttl answers as redis does: -2 for a key that is not there, -1 for one that does not expire, else seconds, rounded.
func (s *services) ttl(ctx context.Context, p *serviceParams) (any, error) {
	left, err := s.kv.TTL(ctx, *p.Key)
	seconds := int64(-1)
	switch {
	case errors.Is(err, pluginsdk.ErrNotFound):
		seconds = -2
	case err != nil:
		return nil, err
	case left >= 0:
		seconds = int64((left + time.Second/2) / time.Second)
	}
	return map[string]any{"ttl": seconds}, nil
}

func (s *services) findKeys(ctx context.Context, p *serviceParams) (any, error) {
	keys, err := s.kv.FindKeys(ctx, *p.Pattern)
	return map[string]any{"keys": orEmpty(keys)}, err
}

func (s *services) setAdd(ctx context.Context, p *serviceParams) (any, error) {
	return struct{}{}, s.kv.SetAdd(ctx, *p.Name, *p.Member)
}

func (s *services) setMembers(ctx context.Context, p *serviceParams) (any, error) {
	members, err := s.kv.SetMembers(ctx, *p.Name)
	return map[string]any{"members": orEmpty(members)}, err
}

// exactSecrets is what a secrets store has that can do without the default secret of a name.
type exactSecrets interface {
	GetExact(ctx context.Context, name, site string) (string, error)
}

func (s *services) secret(ctx context.Context, p *serviceParams) (any, error) {
	if p.Fallback != nil && !*p.Fallback {
		if exact, ok := s.secrets.(exactSecrets); ok {
			return valueResult(exact.GetExact(ctx, *p.Name, *p.Site))
		}
	}
	return valueResult(s.secrets.Get(ctx, *p.Name, *p.Site))
}
