package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// open reads the plugin file, and makes sure that nobody else could replace what it names.
func (k *kit) open(context.Context) (Verdict, string) {
	p, warnings, err := k.Open()
	k.plugin = p
	switch {
	case errors.Is(err, plugin.ErrNotScheduled) && p != nil:
		warnings = append(warnings, err.Error())
	case err != nil:
		return Fail, strings.Join(append([]string{err.Error()}, warnings...), "\n") // a typo may be why
	}
	_, bad := transforms.Parse(p.File.Transforms())
	for _, err := range bad {
		warnings = append(warnings, err.Error())
	}
	if len(warnings) > 0 {
		return Warn, strings.Join(warnings, "\n")
	}
	return Pass, fmt.Sprintf("%q, runtime %s, every %s, deadline %s", p.Name(), p.Kind, p.Interval, p.Deadline)
}

// match finds the resource to run against.
func (k *kit) match(context.Context) (Verdict, string) {
	if k.plugin.Type == plugin.TypeDiscovery {
		k.resource = &pluginsdk.Resource{}
		return Skip, "the plugin discovers resources: it is run against none"
	}
	if len(k.Resources) == 0 {
		k.resource = madeUp()
		return Skip, "no resources are given (--resources): the plugin is run against one that is made up"
	}
	var matching int
	var others []string
	for _, r := range k.Resources {
		if k.plugin.Filter.Match(r) {
			matching++
			if k.resource == nil {
				k.resource, k.given = r, true
			}
			continue
		}
		clause, has := k.plugin.Filter.Failing(r)
		if has != "" {
			clause += "; " + has
		}
		others = append(others, fmt.Sprintf("%q does not match: %s", r.ID, clause))
	}
	detail := fmt.Sprintf("%d of %d resources match", matching, len(k.Resources))
	if k.Explain || matching == 0 {
		detail = strings.Join(append([]string{detail}, others...), "\n")
	}
	if matching == 0 {
		return Fail, detail
	}
	return Pass, detail
}

// madeUp is a resource that no file has.
func madeUp() *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "check", Class: "system", Subclass: "host", Type: "generic", ID: "made-up", Endpoint: "127.0.0.1",
		Plugin: "check", CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Now()),
		Metadata: pluginsdk.Metadata{}.Set(pluginsdk.ResourceTTLKey, "900"),
	}
}

// load loads the module without running it.
func (k *kit) load(ctx context.Context) (Verdict, string) {
	k.warnings() // of what was before
	loaded, err := k.runner.Load(ctx, k.plugin)
	switch {
	case err != nil && k.plugin.Kind == plugin.KindGo:
		k.over = true
		return Skip, "the Go plugin " + k.plugin.Module + " is compiled into a Collector and not into this command: " +
			"test it with the package pluginsdk/plugintest"
	case err != nil:
		return Fail, err.Error()
	}
	k.plugin = loaded
	if found := k.warnings(); len(found) > 0 {
		return Warn, strings.Join(found, "\n")
	}
	return Pass, "a plugin for " + string(loaded.Type)
}

func (k *kit) warnings() []string {
	if k.Warnings == nil {
		return nil
	}
	return k.Warnings()
}

// senseless says why a check makes no sense for the type of the plugin, or "".
func (k *kit) senseless(check string) string {
	if k.plugin == nil || k.plugin.Type == plugin.TypePolling {
		return ""
	}
	switch check {
	case "metrics", "prometheus":
		return "the plugin makes no metrics"
	case "odd_unicode", "huge_resource", "many_at_once":
		if k.plugin.Type == plugin.TypeDiscovery {
			return "the plugin runs against no resource"
		}
	}
	return ""
}

func (k *kit) call(ctx context.Context, r *pluginsdk.Resource) run.Result {
	return k.runner.Run(ctx, run.Request{Plugin: k.plugin, Resource: r})
}

// run runs the plugin once. It need not cope with a resource that is made up, but must say so.
func (k *kit) run(ctx context.Context) (Verdict, string) {
	result := k.call(ctx, k.resource)
	k.plain = result.Outcome
	detail := fmt.Sprintf("%s in %s, %s", result.Outcome, result.Duration.Round(time.Millisecond), k.returned(&result))
	switch {
	case result.Outcome == run.OutcomeRaised && !k.given:
		return Warn, "against a resource that is made up: " + describe(result)
	case result.Outcome.Failed():
		return Fail, describe(result)
	}
	for _, d := range result.Dropped {
		detail += "\n" + fmt.Sprintf("dropped (%s): %v", d.Reason, d.Err)
	}
	if slices.ContainsFunc(result.Dropped, func(d run.Drop) bool { return d.Reason != run.DropDuplicate }) {
		return Fail, detail
	}
	return Pass, detail
}

// returned says what a run came to.
func (k *kit) returned(r *run.Result) string {
	switch k.plugin.Type {
	case plugin.TypeDiscovery:
		return logs.Count(len(r.Resources), "resource")
	case plugin.TypeEnrichment:
		return logs.Count(len(r.Enrichment), "group") + " of enrichment"
	}
	return logs.Count(len(r.Groups), "group")
}

// describe tells how a run failed, with the plugin's traceback.
func describe(r run.Result) string {
	text := fmt.Sprintf("%s: %v", r.Outcome, r.Err)
	var raised *run.PluginError
	if errors.As(r.Err, &raised) && raised.Traceback != "" {
		text += "\n" + strings.TrimRight(raised.Traceback, "\n")
	}
	return text
}

// metrics looks at what a run returned for what hardly was meant.
func (k *kit) metrics(ctx context.Context) (Verdict, string) {
	result := k.call(ctx, k.resource)
	if result.Outcome.Failed() {
		return Skip, "the run ended as " + string(result.Outcome)
	}
	var doubts []string
	rules, _ := transforms.Parse(k.plugin.File.Transforms())
	for _, rule := range rules {
		for _, name := range rule.Metrics {
			if doubt := k.counted(result.Groups, rule.GroupType, name); doubt != "" {
				doubts = append(doubts, doubt)
			}
		}
	}
	for _, g := range result.Groups {
		if len(g.Metrics()) == 0 {
			doubts = append(doubts, fmt.Sprintf("group %q has no metrics: a Collector does not send it", g.Type))
		}
		if k.plugin.Interval > 0 && time.Duration(g.Interval)*time.Second != k.plugin.Interval {
			doubts = append(doubts, fmt.Sprintf("group %q has the interval %ds, the plugin runs every %s: rates and gaps are judged by the former",
				g.Type, g.Interval, k.plugin.Interval))
		}
	}
	slices.Sort(doubts)
	if doubts = slices.Compact(doubts); len(doubts) > 0 {
		return Warn, strings.Join(doubts, "\n")
	}
	return Pass, ""
}

// counted says what is wrong with a metric that [transforms] name, or "".
func (k *kit) counted(groups []*pluginsdk.MetricsGroup, groupType, name string) string {
	seen := false
	for _, g := range groups {
		if g.Type != groupType {
			continue
		}
		seen = true
		for _, m := range g.Metrics() {
			if m.Name == name && m.Type == pluginsdk.Counter {
				return ""
			}
		}
	}
	if !seen {
		return fmt.Sprintf("[transforms] name the group type %q, of which there is no group", groupType)
	}
	return fmt.Sprintf("[transforms] name %q of group type %q, which is no counter there", name, groupType)
}
