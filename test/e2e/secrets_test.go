//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// TestSecretsFromRedis takes secrets out of a real Redis, which wants a password, from among many other keys.
func TestSecretsFromRedis(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	server, env := redisServer(t, dir)
	write(t, filepath.Join(dir, "redis.conf"), fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsave \"\"\nrequirepass of-redis\n", port, dir))
	start(t, env, server, filepath.Join(dir, "redis.conf"))
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port), Password: "of-redis", DB: 3})
	defer client.Close()
	waitFor(t, "an answer of Redis", func() (bool, string) {
		err := client.Ping(t.Context()).Err()
		return err == nil, fmt.Sprint(err)
	})
	_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range 5000 {
			p.Set(t.Context(), fmt.Sprintf("panoptes:plugins_kv:%d", i), "no secret", 0)
		}
		p.Set(t.Context(), "panoptes:secrets:snmp_community_string:dc1", "hush", 0)
		p.Set(t.Context(), "panoptes:secrets:snmp_community_string:default", "hush hush", 0)
		p.SAdd(t.Context(), "panoptes:secrets:set:dc1", "hush")
		return nil
	})
	require.NoError(t, err)

	write(t, filepath.Join(dir, "panoptes.ini"), "[kafka]\nbrokers = localhost:9092,\n[polling]\nplugins_paths = plugins,\n")
	cmd := exec.Command(binary(t, "panoptes"), "migrate", "panoptes.ini",
		"--secrets-from", fmt.Sprintf("redis://127.0.0.1:%d/3", port), "--secrets-dir", "secrets")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PANOPTES_REDIS_PASSWORD=of-redis")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "one of them is no text")
	require.Contains(t, string(out), `secret "panoptes:secrets:set:dc1" is left out: WRONGTYPE`)
	require.Contains(t, string(out), "wrote 2 secrets to secrets\n")
	require.NotContains(t, string(out), "hush")
	for name, want := range map[string]string{"dc1": "hush", "default": "hush hush"} {
		text, err := os.ReadFile(filepath.Join(dir, "secrets/snmp_community_string", name))
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}

// redisServer returns the program of a Redis, and what it wants in its environment.
func redisServer(t *testing.T, dir string) (program string, env []string) {
	t.Helper()
	const whenSet = "PANOPTES_REQUIRE_REDIS"
	// The server, its checker and others are one program, that goes by its name.
	checker := debianCommands(t, whenSet, "redis-tools,libjemalloc2,liblzf1", "redis-check-rdb")[0]
	libraries, err := filepath.Glob(filepath.Join(filepath.Dir(checker), "../lib/*-linux-gnu*"))
	require.NoError(t, err)
	program, env = filepath.Join(dir, "redis-server"), []string{"LD_LIBRARY_PATH=" + strings.Join(libraries, ":")}
	require.NoError(t, os.Symlink(checker, program))
	cmd := exec.Command(program, "--version")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv(whenSet) != "" {
			t.Fatalf("%s is set, and Redis does not start: %v: %s", whenSet, err, out)
		}
		t.Skipf("Redis does not start, for want of a library mostly: %v: %s", err, out)
	}
	return program, env
}
