package pluginsdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// hostClient asks the host for what it keeps: it is the KeyValueStore of runs.
type hostClient struct{ server *server }

// answered hands the host's answer to who waits for it.
func (s *server) answered(m *serverMessage) {
	id, err := strconv.ParseInt(string(m.ID), 10, 64)
	if err != nil {
		return
	}
	s.mu.Lock()
	call := s.calls[id]
	delete(s.calls, id)
	s.mu.Unlock()
	if call == nil {
		return
	}
	a := hostAnswer{result: m.Result}
	if m.Error != nil {
		a.err = fmt.Errorf("host: %s (code %d)", m.Error.Message, m.Error.Code)
	}
	call <- a
}

// call sends a request to the host and waits for its answer.
func (c *hostClient) call(ctx context.Context, method string, params map[string]any, result any) error {
	s := c.server
	answer := make(chan hostAnswer, 1)
	s.mu.Lock()
	s.lastID++
	id := s.lastID
	s.calls[id] = answer
	s.mu.Unlock()
	s.writeJSON(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	select {
	case a := <-answer:
		if a.err != nil {
			return fmt.Errorf("%s: %w", method, a.err)
		}
		if err := json.Unmarshal(a.result, result); err != nil {
			return fmt.Errorf("%s: answer of the host: %w", method, err)
		}
		return nil
	case <-ctx.Done():
	case <-s.base.Done():
	}
	s.mu.Lock()
	delete(s.calls, id)
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.New("the host is gone")
}

// value calls a method that answers with a value, or null for none.
func (c *hostClient) value(ctx context.Context, method string, params map[string]any) (string, error) {
	var result struct {
		Value *string `json:"value"`
	}
	if err := c.call(ctx, method, params, &result); err != nil {
		return "", err
	}
	if result.Value == nil {
		return "", ErrNotFound
	}
	return *result.Value, nil
}

// do calls a method whose answer says nothing.
func (c *hostClient) do(ctx context.Context, method string, params map[string]any) error {
	var result map[string]any
	return c.call(ctx, method, params, &result)
}

func withTTL(params map[string]any, ttl time.Duration) map[string]any {
	if ttl > 0 {
		params["expire"] = ttl.Seconds()
	}
	return params
}

func (c *hostClient) Get(ctx context.Context, key string) (string, error) {
	return c.value(ctx, "kv.get", map[string]any{"key": key})
}

func (c *hostClient) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	return c.do(ctx, "kv.set", withTTL(map[string]any{"key": key, "value": value}, ttl))
}

func (c *hostClient) GetSet(ctx context.Context, key, value string, ttl time.Duration) (string, error) {
	return c.value(ctx, "kv.getset", withTTL(map[string]any{"key": key, "value": value}, ttl))
}

func (c *hostClient) Delete(ctx context.Context, key string) error {
	return c.do(ctx, "kv.delete", map[string]any{"key": key})
}

func (c *hostClient) TTL(ctx context.Context, key string) (time.Duration, error) {
	var result struct {
		TTL int64 `json:"ttl"`
	}
	if err := c.call(ctx, "kv.ttl", map[string]any{"key": key}, &result); err != nil {
		return 0, err
	}
	if result.TTL == -2 { // as Redis says that there is no such key
		return 0, ErrNotFound
	}
	return time.Duration(result.TTL) * time.Second, nil
}

func (c *hostClient) FindKeys(ctx context.Context, pattern string) ([]string, error) {
	var result struct {
		Keys []string `json:"keys"`
	}
	err := c.call(ctx, "kv.find_keys", map[string]any{"pattern": pattern}, &result)
	return result.Keys, err
}

func (c *hostClient) SetAdd(ctx context.Context, name, member string) error {
	return c.do(ctx, "kv.set_add", map[string]any{"name": name, "member": member})
}

func (c *hostClient) SetMembers(ctx context.Context, name string) ([]string, error) {
	var result struct {
		Members []string `json:"members"`
	}
	err := c.call(ctx, "kv.set_members", map[string]any{"name": name}, &result)
	return result.Members, err
}

// hostSecrets are the host's secrets.
type hostSecrets struct{ host *hostClient }

func (s hostSecrets) Get(ctx context.Context, name, site string) (string, error) {
	return s.host.value(ctx, "secrets.get", map[string]any{"name": name, "site": site})
}
