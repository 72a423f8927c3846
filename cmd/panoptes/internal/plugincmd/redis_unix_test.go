//go:build unix

package plugincmd

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/redistest"
)

// A plugin sees the keys, enrichment and secrets of the receiver's Redis, and changes none of them.
func TestRunOverARedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	f := newFolder(t)
	f.write(t, "asks.py", asks+`

def seen(context):
    n = int(context.kv.get('n')) + 1
    context.kv.set('n', str(n))
    context.kv.set_add('names', 'mine')
    context.kv.delete('old')
    return {
        'n': n, 'keys': ','.join(sorted(context.kv.find_keys('*'))), 'names': ','.join(sorted(context.kv.set_members('names'))),
        'token': context.secrets.get_by_site('token', context.data.resource_site),
        'port': context.enrichment.get_enrichment_value('self', 'ports', 'xe-0')['speed'],
    }
`)
	plugin := f.plugin(t, "asks", "asks.py", `resource_id = "one"`, "[enrichment]\npreload = self:ports\n")
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	ctx := t.Context()
	for key, value := range map[string]string{
		"panoptes:plugins_kv:n": "41", "panoptes:plugins_kv:old": "x", "panoptes:secrets:token:dc1": "sesame",
		"panoptes:plugins_kv:enrichment:one:ports": `{"data": {"xe-0": {"speed": 7}}, "metadata": {}}`,
	} {
		require.NoError(t, client.Set(ctx, key, value, 0).Err())
	}
	require.NoError(t, client.SAdd(ctx, "panoptes:plugins_kv:names", "theirs").Err())
	config := f.write(t, "collector.yaml", `
extensions: {panoptes_redis: {endpoint: "`+server.Addr+`"}}
receivers:
  panoptes:
    redis: panoptes_redis
    plugins: {directories: [`+f.path+`]}
    resources: {files: [`+f.resources+`]}
service: {extensions: [panoptes_redis]}
`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--config", config, "--times", "2", "--pause", "0")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "n=42")
	require.Contains(t, stdout, "n=43")
	require.Contains(t, stdout, "keys=enrichment:one:ports,n,names")
	require.Contains(t, stdout, "names=mine,theirs")
	require.Contains(t, stdout, "port=7")
	require.NotContains(t, stderr, "sesame")

	require.Equal(t, "41", client.Get(ctx, "panoptes:plugins_kv:n").Val())
	require.Equal(t, "x", client.Get(ctx, "panoptes:plugins_kv:old").Val())
	require.Equal(t, []string{"theirs"}, client.SMembers(ctx, "panoptes:plugins_kv:names").Val())
}
