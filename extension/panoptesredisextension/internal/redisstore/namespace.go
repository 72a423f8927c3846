package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// namespace is the keys that begin with prefix.
type namespace struct {
	store  *Store
	prefix string
}

var _ pluginsdk.KeyValueStore = (*namespace)(nil)

// PanoptesPrefix is what Panoptes' own namespaces begin with.
const PanoptesPrefix = "panoptes:"

// prefix is what the keys of a namespace begin with. With a prefix of its own in the place of Panoptes' a Collector keeps to
// that with the namespaces of plugins, too.
func (s *Store) prefix(name string) string {
	if s.settings.Prefix == PanoptesPrefix {
		return name + ":"
	}
	return s.settings.Prefix + strings.TrimPrefix(name, PanoptesPrefix) + ":"
}

// lifetime is a time to live as go-redis has it: Redis knows no shorter time than a millisecond.
func lifetime(ttl time.Duration) time.Duration {
	if ttl <= 0 {
		return 0
	}
	return max(ttl, time.Millisecond)
}

// Get implements pluginsdk.KeyValueStore.
func (n *namespace) Get(ctx context.Context, key string) (value string, err error) {
	err = n.store.run(ctx, call{op: OpGet, again: true, do: func(ctx context.Context) error {
		value, err = n.store.value(ctx, n.prefix+key, kv.MaxValueBytes)
		return err
	}})
	return value, explain(err, "get key %q", key)
}

// value reads a value of at most limit bytes: one that somebody else has stored may have any length.
func (s *Store) value(ctx context.Context, key string, limit int64) (string, error) {
	value, err := s.client.GetRange(ctx, key, 0, limit).Result() // one byte more than there may be
	if err == nil && value == "" {                               // empty, or not there
		value, err = s.client.Get(ctx, key).Result()
	}
	if err == nil && int64(len(value)) > limit {
		return "", fmt.Errorf("%w: it has more than %d bytes", kv.ErrTooLarge, limit)
	}
	return value, err
}

// Set implements pluginsdk.KeyValueStore.
func (n *namespace) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	err := n.store.run(ctx, call{op: OpSet, again: true, write: true, do: func(ctx context.Context) error {
		if err := checkPair(key, value); err != nil {
			return err
		}
		return n.store.client.Set(ctx, n.prefix+key, value, lifetime(ttl)).Err()
	}})
	if err == nil {
		n.store.enrichment.stored(n.prefix + key)
	}
	return explain(err, "set key %q", key)
}

// getSet does at once what Panoptes does in two calls, between which a key would live for good. Where the key holds a set it
// changes nothing.
var getSet = redis.NewScript(`local old = redis.pcall('GETSET', KEYS[1], ARGV[1])
if type(old) ~= 'table' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return old`)

// GetSet implements pluginsdk.KeyValueStore. Where the connection breaks before Redis answers nobody knows whether the value
// is stored: that is an error, and not tried again, since the second attempt would return the value of the first.
func (n *namespace) GetSet(ctx context.Context, key, value string, ttl time.Duration) (old string, err error) {
	err = n.store.run(ctx, call{op: OpGetSet, write: true, do: func(ctx context.Context) error {
		if err := checkPair(key, value); err != nil {
			return err
		}
		if ttl = lifetime(ttl); ttl == 0 {
			old, err = n.store.client.Do(ctx, "GETSET", n.prefix+key, value).Text()
			return err
		}
		old, err = getSet.Run(ctx, n.store.client, []string{n.prefix + key}, value, ttl.Milliseconds()).Text()
		return err
	}})
	return old, explain(err, "replace key %q", key)
}

// Delete implements pluginsdk.KeyValueStore.
func (n *namespace) Delete(ctx context.Context, key string) error {
	err := n.store.run(ctx, call{op: OpDelete, again: true, write: true, do: func(ctx context.Context) error {
		return n.store.client.Del(ctx, n.prefix+key).Err()
	}})
	return explain(err, "delete key %q", key)
}

// TTL implements pluginsdk.KeyValueStore.
func (n *namespace) TTL(ctx context.Context, key string) (left time.Duration, err error) {
	err = n.store.run(ctx, call{op: OpTTL, again: true, do: func(ctx context.Context) error {
		left, err = n.store.client.PTTL(ctx, n.prefix+key).Result()
		return err
	}})
	const missing = -2 // as Redis says it, which go-redis leaves as it is
	if err == nil && left == missing {
		return 0, pluginsdk.ErrNotFound
	}
	return left, explain(err, "time to live of key %q", key)
}

// FindKeys implements pluginsdk.KeyValueStore. It goes through all keys of Redis, whatever the pattern, some at a time.
func (n *namespace) FindKeys(ctx context.Context, pattern string) (keys []string, err error) {
	if err = kv.CheckSize("pattern", pattern, kv.MaxPatternBytes); err == nil {
		keys, err = n.store.find(ctx, n.prefix, pattern, kv.MaxAnswerBytes)
	}
	return keys, explain(err, "find keys %.80q", pattern)
}

// SetAdd implements pluginsdk.KeyValueStore.
func (n *namespace) SetAdd(ctx context.Context, name, member string) error {
	err := n.store.run(ctx, call{op: OpSetAdd, again: true, write: true, do: func(ctx context.Context) error {
		if err := errors.Join(kv.CheckSize("name", name, kv.MaxKeyBytes), kv.CheckSize("member", member, kv.MaxKeyBytes)); err != nil {
			return err
		}
		return n.store.client.SAdd(ctx, n.prefix+name, member).Err()
	}})
	return explain(err, "add to set %q", name)
}

// SetMembers implements pluginsdk.KeyValueStore.
func (n *namespace) SetMembers(ctx context.Context, name string) ([]string, error) {
	members, err := n.store.scan(ctx, OpSetMembers, kv.MaxAnswerBytes, func(ctx context.Context, cursor uint64) ([]string, uint64, error) {
		return n.store.client.SScan(ctx, n.prefix+name, cursor, "", scanCount).Result()
	})
	return members, explain(err, "members of set %q", name)
}

// Bounds of a scan.
const (
	scanCount = 1000 // as Panoptes has it: some tenths of a millisecond of Redis' time
	scanLimit = time.Minute
)

// find returns the keys that begin with prefix and match a pattern behind it, without the prefix.
func (s *Store) find(ctx context.Context, prefix, pattern string, limit int) ([]string, error) {
	match := globEscaper.Replace(prefix) + pattern
	return s.scan(ctx, OpFindKeys, limit, func(ctx context.Context, cursor uint64) ([]string, uint64, error) {
		keys, next, err := s.client.Scan(ctx, cursor, match, scanCount).Result()
		for i := range keys {
			keys[i] = strings.TrimPrefix(keys[i], prefix)
		}
		return keys, next, err
	})
}

// scan returns all that the pages have, each of which is a call of its own: Redis does other things in between, and may give
// a text twice. limit is the most bytes of an answer.
func (s *Store) scan(ctx context.Context, op Operation, limit int, read func(context.Context, uint64) ([]string, uint64, error)) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, scanLimit)
	defer cancel()
	found, bytes := map[string]struct{}{}, 0
	for cursor := uint64(0); ; {
		err := s.run(ctx, call{op: op, again: true, do: func(ctx context.Context) error {
			page, next, err := read(ctx, cursor)
			if err != nil {
				return err
			}
			cursor = next
			for _, text := range page {
				if _, twice := found[text]; !twice {
					found[text] = struct{}{}
					bytes += len(text) + 3 // with its quotes and comma
				}
			}
			if bytes > limit {
				return fmt.Errorf("%w: the answer has more than %d bytes", kv.ErrTooLarge, limit)
			}
			return nil
		}})
		if err != nil {
			return nil, err
		}
		if cursor == 0 {
			return slices.AppendSeq(make([]string, 0, len(found)), maps.Keys(found)), nil
		}
	}
}

// globEscaper takes their meaning from characters in a pattern of keys.
var globEscaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`)

func checkPair(key, value string) error {
	return errors.Join(kv.CheckSize("key", key, kv.MaxKeyBytes), kv.CheckSize("value", value, kv.MaxValueBytes))
}

// explain says what was to be done, in the words of pluginsdk where it has some.
func explain(err error, format, key string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return pluginsdk.ErrNotFound
	case isWrongKind(err):
		return fmt.Errorf(format+": %w", key, kv.ErrWrongKind)
	}
	return fmt.Errorf(format+": %w", key, err)
}
