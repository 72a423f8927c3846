//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/redistest"
)

// TestSecretsFromRedis takes secrets out of a real Redis, which wants a password, from among many other keys.
func TestSecretsFromRedis(t *testing.T) {
	t.Parallel()
	needsNoKafka(t)
	dir, server := t.TempDir(), redistest.Start(t, "requirepass of-redis")
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Password: "of-redis", DB: 3})
	defer client.Close()
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
		"--secrets-from", "redis://"+server.Addr+"/3", "--secrets-dir", "secrets")
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
