package migratecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
)

const (
	// passwordVariable is the environment variable that may hold Redis' password: a command line is for all to see.
	passwordVariable = "PANOPTES_REDIS_PASSWORD"
	// secretsPrefix begins the keys of secrets: panoptes:secrets:NAME:SITE (docs/panoptes/runtime.md, sections 7 and 8).
	secretsPrefix = "panoptes:secrets:"
	// maxSecrets bounds how many are taken over.
	maxSecrets = 100_000
	redisLimit = 10 * time.Second
)

// parseRedisURLs checks the URLs. No error shows one: they may have passwords.
func parseRedisURLs(urls []string) ([]*redis.Options, error) {
	var all []*redis.Options
	for i, u := range urls {
		o, err := redis.ParseURL(u)
		if err != nil || !strings.Contains(u, "://") {
			return nil, fmt.Errorf("--secrets-from: URL number %d is none of a Redis: expected redis://HOST:PORT/DB, or rediss:// for TLS", i+1)
		}
		if o.Password == "" {
			o.Password = os.Getenv(passwordVariable)
		}
		// What a Redis of Panoptes' days does not know is not asked for.
		o.Protocol, o.DisableIdentity = 2, true
		o.DialTimeout, o.ReadTimeout, o.MaxRetries = redisLimit, redisLimit, 1
		all = append(all, o)
	}
	return all, nil
}

// takeSecrets writes the secrets of all Redises to a directory, and tells how many. It says whether each has its file; the
// error is for what ends the work.
func takeSecrets(ctx context.Context, from []*redis.Options, dir string, told io.Writer) (complete bool, err error) {
	files, err := openSecretFiles(dir)
	if err != nil {
		return false, fmt.Errorf("--secrets-dir: %w", err)
	}
	defer files.close()
	left := 0
	for _, o := range from {
		if err := eachSecret(ctx, o, func(key, value string, err error) error {
			file := ""
			if err == nil {
				file, err = files.put(strings.TrimPrefix(key, secretsPrefix), value)
			}
			switch {
			case errors.Is(err, errWrite):
				return err
			case err != nil:
				left++
				fmt.Fprintf(told, "secret %q is left out: %s\n", key, term.Cell(err.Error()))
			case file != "":
				left++
				fmt.Fprintf(told, "secret %q is in the file %s: the receiver looks for no name with other characters, so change it in the plugins\n",
					key, term.Cell(file))
			}
			return nil
		}); err != nil {
			return false, fmt.Errorf("take secrets from Redis %s: %w", o.Addr, err)
		}
	}
	fmt.Fprintf(told, "wrote %s to %s\n", logs.Count(files.count(), "secret"), dir)
	return left == 0, nil
}

// eachSecret calls visit for each key of secrets, with an error for one that cannot be taken.
func eachSecret(ctx context.Context, o *redis.Options, visit func(key, value string, err error) error) error {
	client := redis.NewClient(o)
	defer client.Close()
	seen := map[string]bool{} // a scan may give a key twice
	for it := client.Scan(ctx, 0, secretsPrefix+"*", 1000).Iterator(); ; {
		if !it.Next(ctx) {
			return it.Err()
		}
		key := it.Val()
		if seen[key] {
			continue
		}
		if seen[key] = true; len(seen) > maxSecrets {
			return fmt.Errorf("there are more than %d secrets", maxSecrets)
		}
		value, err := secret(ctx, client, key)
		if errors.Is(err, errGone) {
			continue
		}
		var refused redis.Error
		if err != nil && !errors.As(err, &refused) && !errors.Is(err, errTooLong) {
			return err
		}
		if err := visit(key, value, err); err != nil {
			return err
		}
	}
}

var (
	errGone    = errors.New("the key has expired")
	errTooLong = fmt.Errorf("it has more than %d bytes", kv.MaxSecretBytes)
)

func secret(ctx context.Context, client *redis.Client, key string) (string, error) {
	n, err := client.StrLen(ctx, key).Result()
	if err != nil {
		return "", err // no string, for one
	}
	if n > kv.MaxSecretBytes {
		return "", errTooLong
	}
	value, err := client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", errGone
	}
	return value, err
}
