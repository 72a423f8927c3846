package python

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// runParams are the parameters of "run". What belongs to the plugin was marshalled once.
func runParams(c *run.Call) (json.RawMessage, error) {
	description := c.Plugin.DescriptionJSON()
	config, err := c.SettingsJSON()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(description)+len(config)+1024)
	b = append(b, `{"run_id":`...)
	b = strconv.AppendInt(b, c.ID, 10)
	b = append(b, `,"type":"`...)
	b = append(b, c.Plugin.Type...)
	b = append(b, `","plugin":`...)
	b = append(b, description...)
	b = append(b, `,"config":`...)
	b = append(b, config...)
	if c.Plugin.Type != plugin.TypeDiscovery {
		b = append(b, `,"resource":`...)
		b = resourceOf(c.Resource).AppendJSON(b)
	}
	if c.Clock != nil {
		b = append(b, `,"clock":{`...)
		if len(c.Clock.Readings) > 0 {
			b = append(append(b, `"readings":`...), c.Clock.Readings...)
		}
		b = append(b, '}')
	}
	return append(b, '}'), nil
}

// unknownDiscovery stands in for the plugin that discovered a resource where none is known.
const unknownDiscovery = "unknown"

// resourceOf is the resource as Python sees it. There a resource without a plugin has no key, so its groups could not
// even be put into a set (docs/panoptes/formats.md, section 2). Groups come back without their resource, so the
// stand-in gets no further.
func resourceOf(r *pluginsdk.Resource) *pluginsdk.Resource {
	if r.Plugin != "" {
		return r
	}
	known := *r
	known.Plugin = unknownDiscovery
	return &known
}

// greeter exchanges the first messages with workers.
type greeter struct {
	hello       wire.Hello
	memoryLimit int64
	logger      *zap.Logger
}

// Greet is a part of workers.Launcher.
func (g greeter) Greet(ctx context.Context, conn *rpc.Conn, pid int) (workers.Greeting, error) {
	params := g.hello.Params()
	params["memory_limit_bytes"] = g.memoryLimit
	params["capabilities"] = map[string]any{"retire": true}
	var result struct {
		ProtocolVersion int    `json:"protocol_version"`
		Python          string `json:"python"`
		Resident        int64  `json:"resident_bytes"`
	}
	if err := conn.Call(ctx, "initialize", params, &result); err != nil {
		return workers.Greeting{}, err
	}
	if result.ProtocolVersion != wire.ProtocolVersion {
		return workers.Greeting{}, fmt.Errorf("it speaks version %d of the plugin protocol, version %d is needed",
			result.ProtocolVersion, wire.ProtocolVersion)
	}
	g.logger.Debug("Started Python worker", zap.Int("pid", pid), zap.String("python", result.Python))
	return workers.Greeting{Places: workers.RunsPerWorker, Resident: result.Resident}, nil
}
