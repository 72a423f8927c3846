package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// sharing starts a member of a group, which knows some resources and owns shards soon.
func sharing(t *testing.T, broker, instance, resources string) (end func()) {
	t.Helper()
	factory := panoptesshardsextension.NewFactory()
	cfg := factory.CreateDefaultConfig().(*panoptesshardsextension.Config)
	cfg.Shards = 8
	g := cfg.Group.GetOrInsertDefault()
	g.Client.Brokers, g.Instance = []string{broker}, instance
	e, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	e.(shard.Membership).Announce("receiver/panoptes", resources)
	require.NoError(t, e.(extensioncapabilities.PipelineWatcher).Ready())
	end = func() { require.NoError(t, e.Shutdown(context.Background())) }
	t.Cleanup(end)
	return end
}

func TestShards(t *testing.T) {
	t.Parallel()
	broker, _ := kafka(t)
	code, _, stderr := run(t, "", "shards", "--brokers", broker)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, `topic "panoptes-shards": the topic does not exist`)

	endA := sharing(t, broker, "a", "7-aa")
	endB := sharing(t, broker, "b", "7-aa")
	require.Eventually(t, func() bool {
		code, stdout, _ := run(t, "", "shards", "--brokers", broker)
		return code == 0 && strings.Count(stdout, "\t4\t4\t") == 2
	}, 20*time.Second, 100*time.Millisecond)
	_, stdout, stderr := run(t, "", "shards", "--brokers", broker)
	assert.Regexp(t, `^a\t127\.0\.0\.1:\d+\t4\t4\t7-aa\nb\t127\.0\.0\.1:\d+\t4\t4\t7-aa\n$`, stdout)
	assert.Empty(t, stderr)

	code, stdout, _ = run(t, "", "shards", "--brokers", broker, "--all")
	assert.Zero(t, code)
	assert.Equal(t, 8, strings.Count(stdout, "\n"))
	code, stdout, _ = run(t, "", "shards", "--brokers", broker, "--json")
	assert.Zero(t, code)
	var all struct {
		Owned, Total int
		Shards       []struct {
			Assigned string
			Owned    bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &all))
	assert.Equal(t, 8, all.Owned)
	code, stdout, _ = run(t, "", "shards", "--brokers", broker, "--resource", "router7")
	assert.Zero(t, code)
	owner := all.Shards[shard.Of("router7", 8)].Assigned
	assert.Regexp(t, `^router7\t\d\t`+owner+`\t127\.0\.0\.1:\d+\t20`, stdout)

	config := "yaml:{extensions: {panoptes_shards: {group: {brokers: ['" + broker + "'], name: another}}}, service: {extensions: [panoptes_shards]}}"
	code, _, stderr = run(t, "", "shards", "--config", config)
	assert.Equal(t, 1, code, "its group has no members")
	assert.Contains(t, stderr, `8 of 8 shards have no owner; there is no group "another": name it with --group, or start its Collectors`)
	code, _, stderr = run(t, "", "shards", "--config", config, "--group", "panoptes-shards")
	assert.Zero(t, code, stderr)
	code, _, stderr = run(t, "", "shards", "--config", "yaml:{extensions: {panoptes_shards: {static: {count: 2}}}, service: {extensions: [panoptes_shards]}}")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "extensions::panoptes_shards has a fixed share: no Collector knows of the others")

	code, _, stderr = run(t, "", "shards", "--brokers", broker, "--resource", "")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--resource must not be empty")

	endA()
	endA = sharing(t, broker, "a", "6-bb")
	require.Eventually(t, func() bool {
		code, stdout, stderr = run(t, "", "shards", "--brokers", broker)
		return code == 0 && strings.Contains(stderr, "members know different resources") && strings.Contains(stdout, "6-bb")
	}, 20*time.Second, 100*time.Millisecond, "one member reads another list")

	endA()
	endB()
	code, _, stderr = run(t, "", "shards", "--brokers", broker)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "8 of 8 shards have no owner; the group is Empty")
	code, stdout, stderr = run(t, "", "shards", "--brokers", broker, "--resource", "router7")
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "\t-\t-\t-\n")
	assert.Contains(t, stderr, `of resource "router7" has no owner`)
}
