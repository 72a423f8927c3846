package validatecmd

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
)

var (
	batchType      = component.MustNewType("batch")
	prometheusType = component.MustNewType("prometheus")
	discoveryType  = component.MustNewType("panoptes_discovery") // of a module of its own, which this command is too small for
)

// scopeInfoOff names the setting of exporters that make labels of a scope's attributes, which takes these labels off.
var scopeInfoOff = map[component.Type]string{
	prometheusType: "without_scope_info",
	component.MustNewType("prometheus_remote_write"): "disable_scope_info",
	component.MustNewType("prometheusremotewrite"):   "disable_scope_info", // its old name
}

// pipelines checks what pipelines and components say of each other.
func (v *validation) pipelines() {
	if len(v.config.Pipelines) == 0 {
		v.wrong("service::pipelines", errors.New("there is no pipeline: nothing would run"))
	}
	used := map[collectorconfig.Kind]map[component.ID]bool{}
	for _, kind := range collectorconfig.Kinds {
		used[kind] = map[component.ID]bool{}
	}
	for _, id := range v.config.Extensions {
		v.reference("service::extensions", used, id, collectorconfig.Extensions)
	}
	for _, id := range v.pipelineIDs() {
		p := v.config.Pipelines[id]
		where := "service::pipelines::" + id.String()
		if len(p.Receivers) == 0 || len(p.Exporters) == 0 {
			v.wrong(where, errors.New("a pipeline needs at least one receiver and one exporter"))
		}
		for _, r := range p.Receivers {
			v.reference(where+"::receivers", used, r, collectorconfig.Receivers, collectorconfig.Connectors)
		}
		for _, r := range p.Processors {
			v.reference(where+"::processors", used, r, collectorconfig.Processors)
		}
		for _, r := range p.Exporters {
			v.reference(where+"::exporters", used, r, collectorconfig.Exporters, collectorconfig.Connectors)
		}
		v.pipeline(where, p)
	}
	for _, kind := range collectorconfig.Kinds {
		for _, id := range v.config.IDs(kind) {
			if !used[kind][id] {
				v.doubtful(string(kind)+"::"+id.String(), "is not used: no pipeline and no list of extensions names it")
			}
		}
	}
}

func (v *validation) pipelineIDs() []pipeline.ID {
	return slices.SortedFunc(maps.Keys(v.config.Pipelines), func(a, b pipeline.ID) int {
		return strings.Compare(a.String(), b.String())
	})
}

// reference checks that a section has what is named.
func (v *validation) reference(
	where string, used map[collectorconfig.Kind]map[component.ID]bool, id component.ID, kinds ...collectorconfig.Kind,
) {
	found := false
	for _, kind := range kinds {
		if v.config.Has(kind, id) {
			used[kind][id], found = true, true
		}
	}
	if !found {
		v.wrong(where, fmt.Errorf("names %q, which is not configured under %s", id, kinds[0]))
	}
}

// pipeline warns of what goes badly with the components of this project (docs/mapping.md, exporter README "Delivery").
func (v *validation) pipeline(where string, p collectorconfig.Pipeline) {
	ours := func(ids []component.ID, t component.Type) bool {
		return slices.ContainsFunc(ids, func(id component.ID) bool { return id.Type() == t })
	}
	polls := ours(p.Receivers, collectorconfig.ReceiverType)
	writes := ours(p.Exporters, collectorconfig.ExporterType) || ours(p.Exporters, collectorconfig.InfluxType)
	if !polls && !writes {
		return
	}
	for _, id := range p.Processors {
		if id.Type() == batchType {
			v.doubtful(where+"::processors", "%q acknowledges what it may later drop, and cuts metrics groups apart: remove it; "+
				"the receiver panoptes batches by itself, others do with sending_queue::batch of the exporter", id)
		}
	}
	if polls && !ours(p.Processors, collectorconfig.ProcessorType) {
		for _, id := range p.Receivers {
			if plugin := v.transforming[id]; plugin != nil {
				v.doubtful(where+"::processors", "plugin %q of %q names counters under [transforms], but without %q there are no rates",
					plugin.Name(), id, collectorconfig.ProcessorType)
			}
		}
	}
	if !ours(p.Processors, collectorconfig.ProcessorType) {
		for _, id := range p.Exporters {
			if v.config.Raw(collectorconfig.Exporters, id)["prime"] == true {
				v.doubtful(where+"::processors", "%q has prime: true, but without %q there are no rates to wait for: it only costs a sample of each counter",
					id, collectorconfig.ProcessorType)
			}
		}
	}
	v.waiting(where, p)
	for _, id := range p.Exporters {
		key := scopeInfoOff[id.Type()]
		if polls && key != "" && v.config.Raw(collectorconfig.Exporters, id)[key] != true {
			v.doubtful("exporters::"+id.String(), "%s is not true: each edit of a plugin's [transforms] or [topics] starts new series", key)
		}
		if id.Type() == prometheusType {
			v.expiration(id, p.Receivers)
		}
	}
}

// waiting warns where an exporter that waits once its queue is full keeps others from getting anything (docs/reliability.md, "An
// exporter that is down beside others"). A queue on disk is taken to be large enough.
func (v *validation) waiting(where string, p collectorconfig.Pipeline) {
	if len(p.Exporters) < 2 {
		return
	}
	for _, id := range p.Exporters {
		queue, _ := v.config.Raw(collectorconfig.Exporters, id)["sending_queue"].(map[string]any)
		waits, set := queue["block_on_overflow"].(bool)
		if waits = waits || !set && id.Type() == collectorconfig.ExporterType; waits && queue["storage"] == nil {
			v.doubtful(where+"::exporters", "%q waits once its queue is full, and then the other exporters here get nothing: give it a queue on "+
				"disk (sending_queue::storage) for the longest time that it may be down, or a pipeline of its own and block_on_overflow: false", id)
		}
	}
}

// expiration warns where the exporter prometheus forgets series between two polls: a poll comes up to an interval and a
// run's deadline, of 1.25 intervals, after the one before (docs/prometheus.md, "Slow polls").
func (v *validation) expiration(exporter component.ID, receivers []component.ID) {
	const key, polls = "metric_expiration", 2.5
	expiration := 5 * time.Minute // the exporter's default
	if text, ok := v.config.Raw(collectorconfig.Exporters, exporter)[key].(string); ok {
		var err error
		if expiration, err = time.ParseDuration(text); err != nil {
			return // which the Collector refuses
		}
	}
	for _, id := range receivers {
		if plugin := v.transforming[id]; plugin != nil && polls*plugin.Interval.Seconds() > expiration.Seconds() {
			v.doubtful("exporters::"+exporter.String(), "%s is %s, and plugin %q runs every %s: its series may come and go, set at least %s",
				key, expiration, plugin.Name(), plugin.Interval, time.Duration(polls*float64(plugin.Interval)))
		}
	}
}

// extensions checks that extensions which components keep their state in are enabled.
func (v *validation) extensions() {
	named := map[component.ID]bool{} // as redis
	for _, kind := range []collectorconfig.Kind{collectorconfig.Receivers, collectorconfig.Processors, collectorconfig.Exporters} {
		for _, id := range v.config.IDs(kind) {
			raw := v.config.Raw(kind, id)
			v.extensionOf(fmt.Sprintf("%s::%s::storage", kind, id), raw["storage"])
			if kind == collectorconfig.Receivers && id.Type() == collectorconfig.ReceiverType {
				named[v.typed(fmt.Sprintf("%s::%s::redis", kind, id), raw["redis"], collectorconfig.RedisType, "keeps no keys of Panoptes")] = true
				if resources, ok := raw["resources"].(map[string]any); ok {
					names, _ := resources["discovery"].([]any)
					for i, name := range names {
						v.typed(fmt.Sprintf("%s::%s::resources::discovery::%d", kind, id, i), name, discoveryType, "finds no resources")
					}
				}
			}
			if queue, ok := raw["sending_queue"].(map[string]any); ok {
				v.extensionOf(fmt.Sprintf("%s::%s::sending_queue::storage", kind, id), queue["storage"])
			}
		}
	}
	for _, id := range v.config.Extensions {
		if id.Type() == collectorconfig.RedisType && !named[id] {
			v.doubtful("extensions::"+id.String(), "is not used: no receiver %s names it with redis", collectorconfig.ReceiverType)
		}
	}
}

// typed checks that what is named is an enabled extension of a type; others lack something.
func (v *validation) typed(where string, value any, want component.Type, lack string) component.ID {
	id, ok := v.extensionOf(where, value)
	if ok && id.Type() != want {
		v.wrong(where, fmt.Errorf("names the extension %q, which %s: name one of type %q", id, lack, want))
	}
	return id
}

func (v *validation) extensionOf(where string, value any) (id component.ID, ok bool) {
	name, ok := value.(string)
	if !ok || name == "" {
		return id, false
	}
	if id.UnmarshalText([]byte(name)) != nil {
		return id, false // what is no id the component refuses
	}
	if !slices.Contains(v.config.Extensions, id) {
		v.wrong(where, fmt.Errorf("names the extension %q, which is not enabled: add it to service::extensions", id))
		return id, false
	}
	return id, true
}
