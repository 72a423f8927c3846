package validatecmd

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// shortestSession is what a broker needs to take over from a coordinator that died, with some to spare.
const shortestSession = 12 * time.Second

// shards warns of a share that this host's name does not say, and of a group whose members all stop when a broker dies.
func (v *validation) shards(id component.ID, cfg *panoptesshardsextension.Config) {
	if cfg.Static.HasValue() {
		if _, err := cfg.Static.Get().IndexHere(); err != nil {
			v.doubtful(fmt.Sprintf("extensions::%s::static", id), "%v: a Collector on this host would not start; set index, unless it runs elsewhere", err)
		}
	}
	if !cfg.Group.HasValue() {
		return
	}
	if session := cfg.Group.Get().SessionTimeout; session < shortestSession {
		v.doubtful(fmt.Sprintf("extensions::%s::group::session_timeout", id), "is %s: a coordinator that dies is replaced within 9 to 10 s, "+
			"and with less than %s all members lose all shards then", session, shortestSession)
	}
}

// maxModule bounds how much of a plugin is looked at.
const maxModule = 1 << 20

// usesKV finds the key-value store in the text of a plugin: context.kv in Python, the method kv.get in processes.
var usesKV = regexp.MustCompile(`\bkv\b`)

// noteKV notes the first plugin of a receiver that seems to use the key-value store.
func (v *validation) noteKV(id component.ID, p *plugin.Plugin) {
	if v.keeping[id] != nil || p.Kind != plugin.KindPython && p.Kind != plugin.KindProcess {
		return
	}
	if text, err := safefile.Read(context.Background(), p.Module, maxModule); err == nil && usesKV.Match(text) {
		v.keeping[id] = p
	}
}

// shardingOf returns the extension by which a component shares a fleet, if any; what is named must be one of that type.
func (v *validation) shardingOf(kind collectorconfig.Kind, id component.ID) (ext component.ID, ok bool) {
	where := fmt.Sprintf("%s::%s::sharding", kind, id)
	if ext, ok = v.extensionOf(where, v.config.Raw(kind, id)["sharding"]); ok && ext.Type() != collectorconfig.ShardsType {
		v.wrong(where, fmt.Errorf("names the extension %q, which shares no shards: name one of type %q", ext, collectorconfig.ShardsType))
		return ext, false
	}
	return ext, ok
}

// sharding checks that what shares a fleet does so together.
func (v *validation) sharding() {
	shared := map[component.ID]component.ID{} // by receiver
	named := map[component.ID]bool{}
	for _, id := range v.config.IDs(collectorconfig.Receivers) {
		if id.Type() != collectorconfig.ReceiverType {
			continue
		}
		ext, ok := v.shardingOf(collectorconfig.Receivers, id)
		if !ok {
			continue
		}
		shared[id], named[ext] = ext, true
		if p := v.keeping[id]; p != nil && v.config.Raw(collectorconfig.Receivers, id)["redis"] == nil {
			v.doubtful("receivers::"+id.String(), "plugin %q seems to use the key-value store, whose keys stay in this Collector when shards move: "+
				"name a %s under redis", p.Name(), collectorconfig.RedisType)
		}
	}
	rates := map[component.ID]component.ID{} // by processor
	for _, id := range v.config.IDs(collectorconfig.Processors) {
		if id.Type() == collectorconfig.ProcessorType {
			if ext, ok := v.shardingOf(collectorconfig.Processors, id); ok {
				rates[id] = ext
			}
		}
	}
	for _, id := range v.pipelineIDs() {
		v.sharedPipeline("service::pipelines::"+id.String()+"::processors", v.config.Pipelines[id], shared, rates)
	}
	for _, id := range v.config.Extensions {
		if id.Type() == collectorconfig.ShardsType && !named[id] {
			v.doubtful("extensions::"+id.String(), "is not used: no receiver %s names it with sharding, so each polls all that it knows",
				collectorconfig.ReceiverType)
		}
	}
}

// sharedPipeline warns where receiver and rate processor of a pipeline do not share the same.
func (v *validation) sharedPipeline(where string, p collectorconfig.Pipeline, shared, rates map[component.ID]component.ID) {
	for _, rate := range p.Processors {
		if rate.Type() != collectorconfig.ProcessorType {
			continue
		}
		for _, r := range slices.DeleteFunc(slices.Clone(p.Receivers), func(id component.ID) bool { return id.Type() != collectorconfig.ReceiverType }) {
			polls, given := shared[r], rates[rate]
			switch {
			case polls == given:
			case given == component.ID{}:
				v.doubtful(where, "%q has no sharding, and the receiver %q has: name %q there too, or each series lacks a rate "+
					"when its shard moves", rate, r, polls)
			default:
				v.doubtful(where, "%q shares by %q, and the receiver %q does not: it has rates of owned shards alone", rate, given, r)
			}
		}
	}
}
