package panoptesstatusextension

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// changed is a fake whose answers a test changes.
type changed struct {
	*fake
	plugin  func(*status.Plugin)
	task    func(*status.Task)
	places  []status.Places
	sources []store.SourceStatus
}

func (c changed) Plugins() []status.Plugin {
	all := c.fake.Plugins()
	if c.plugin != nil {
		c.plugin(&all[0])
	}
	return all
}

func (c changed) Tasks(visit func(*status.Task) bool) {
	c.fake.Tasks(func(t *status.Task) bool {
		one := *t
		if c.task != nil {
			c.task(&one)
		}
		return visit(&one)
	})
}

func (c changed) Places() []status.Places { return c.places }

func (c changed) Sources() []store.SourceStatus {
	if c.sources != nil {
		return c.sources
	}
	return c.fake.Sources()
}

// Each link of the chain is told, up to the one that breaks it.
func TestExplain(t *testing.T) {
	t.Parallel()
	ten, none := newFake("", 10), newFake("", 0)
	none.tasks = append(none.tasks, task("other", ten.entries[0].Resource, 0)) // of what a plugin's last failure is
	filtered := []store.SourceStatus{{Resources: 10, Filtered: store.Filtered{Count: 30, Example: "old-1: NOT x"}}}
	failing := func(t *status.Task) {
		t.State, t.Outcome, t.Failures, t.Error = status.Failing, "timeout", 3, "no answer"
	}
	unloaded := func(p *status.Plugin) {
		*p = status.Plugin{Name: p.Name, File: p.File, Error: "ModuleNotFoundError: No module named 'nosuchmodule'"}
	}
	short := []status.Places{
		{Class: "go", Places: 64}, {Class: "python", Places: 3, Used: 3, Wanted: 40, Short: true, Setting: "python::max_workers"},
	}
	for _, tt := range []struct {
		name, plugin, id string
		receiver         changed
		want             []string
		good             bool
	}{
		{"runs", "Interfaces", "", changed{fake: ten}, []string{
			"yes file found: /etc/panoptes/plugins/interfaces.panoptes-plugin", `yes parsed: plugin "Interfaces", runtime python`,
			"yes loaded: version 7dfb5a2fd33c, 3 h ago", "yes scheduled: every 60 s, a run may take 75 s",
			"yes resources: 10; the source http https://cmdb.example/resources is broken: status 503", "yes receiver's filter: lets all in",
			"yes plugin's filter: 10 of 10 match", "yes tasks: 10, the next is due in 30 s",
			"yes last run: began 30 s ago; 2 of 9 fail, such as switch-000008: raised, 12 in a row > panoptes plugin run /etc/panoptes",
			"yes groups: 384 groups with 5376 data points, 111 kB", "unknown transforms: ", "unknown exporter: ",
		}, true},
		{"by file, one resource", "interfaces", "switch-000001", changed{fake: ten}, []string{
			"yes plugin's filter: 1 of 1 match", "yes tasks: 1, ", "yes last run: began 30 s ago; none of 1 fails",
		}, true},
		{"does not load", "Interfaces", "", changed{fake: ten, plugin: unloaded}, []string{
			"yes file found: /etc/panoptes/plugins/interfaces.panoptes-plugin", "no loaded: ModuleNotFoundError",
		}, false},
		{"does not load, by module", "plugins/interfaces.py", "", changed{fake: ten, plugin: unloaded}, []string{"no loaded: ModuleNotFoundError"}, false},
		{"misspelt", "Interface", "", changed{fake: ten}, []string{`no file found: none of 2 files is of the plugin "Interface" > did you mean "Interfaces"?`}, false},
		{"unknown", "Disks", "", changed{fake: ten, plugin: func(p *status.Plugin) { p.Name = "" }}, []string{
			`no file found: none of 2 files is of the plugin "Disks" > see plugins::directories`, "1 file could not be loaded",
		}, false},
		{"never loaded", "interfaces", "", changed{fake: ten, plugin: func(p *status.Plugin) { *p = status.Plugin{File: p.File, Error: "no [Core]"} }}, []string{
			"yes file found: ", "no loaded: no [Core] > correct the plugin file",
		}, false},
		{"older version runs", "Power & Fans", "", changed{fake: ten}, []string{
			`no loaded: module "power.py", line 3: SyntaxError: invalid syntax, since 90 s ago; version 0123456789ab runs on > correct`,
			"unknown plugin's filter: none of its own", "yes tasks: 10",
		}, false},
		{"not scheduled", "Interfaces", "", changed{fake: ten, plugin: func(p *status.Plugin) { p.Interval, p.Tasks = 0, 0 }}, []string{
			"no scheduled: it has no interval > write execute_frequency = SECONDS",
		}, false},
		{"scheduled by overrides", "Interfaces", "", changed{fake: ten, plugin: func(p *status.Plugin) { p.Interval = 0 }}, []string{"yes scheduled: by the receiver's overrides"}, true},
		{"no resources", "Interfaces", "", changed{fake: none}, []string{"no resources: there is none; the source http "}, false},
		{"all left out", "Interfaces", "", changed{fake: none, sources: filtered}, []string{
			"yes resources: 30", "no receiver's filter: 0 of 30 are let in; left out is such as old-1: NOT x > change resources::filter",
		}, false},
		{"some left out", "Interfaces", "", changed{fake: ten, sources: filtered}, []string{"yes receiver's filter: 10 of 40 are let in; left out is such as old-1: NOT x"}, true},
		{"no such resource", "Interfaces", "x", changed{fake: ten}, []string{`no resource: none that is let in has the id "x" > panoptes explain --config`}, false},
		{"filter", "Interfaces", "", changed{fake: ten, plugin: func(p *status.Plugin) { p.Tasks, p.Filter = 0, `resource_class = "system"` }}, []string{
			`no plugin's filter: 0 of 10 match; resource_class = "system" leaves out 10, such as switch-000000: resource_class is "network" > change resource_filter`,
		}, false},
		{"filter of an override", "Interfaces", "", changed{fake: ten, plugin: func(p *status.Plugin) { p.Filter = `resource_class = "system"` }}, []string{
			"; the receiver's overrides choose others", "yes tasks: 10",
		}, true},
		{"elsewhere", "Interfaces", "", changed{fake: ten, task: func(t *status.Task) { t.Plugin = "x" }}, []string{"no tasks: none here"}, false},
		{"not yet", "Interfaces", "", changed{fake: ten, task: func(t *status.Task) { t.LastStart = time.Time{} }}, []string{"unknown last run: none has ended yet"}, true},
		{"fails", "Interfaces", "switch-000002", changed{fake: ten, task: failing}, []string{
			"no last run: 1 of 1 fails, such as switch-000002: timeout, 3 in a row: no answer > panoptes plugin run /etc/panoptes/plugins/interfaces.panoptes-plugin --config FILE --resource switch-000002",
		}, false},
		{"fails compiled", "Interfaces", "switch-000002", changed{fake: ten, task: failing, plugin: func(p *status.Plugin) { p.Runtime = "go" }}, []string{
			"no last run: 1 of 1 fails, such as switch-000002: timeout, 3 in a row: no answer > see the task's page",
		}, false},
		{"deadline", "Interfaces", "", changed{fake: ten, plugin: func(p *status.Plugin) { p.Interval, p.Deadline = 10, 12.5 }}, []string{
			"yes scheduled: every 10 s, a run may take 12.5 s",
		}, true},
		{"waits for a place", "Interfaces", "switch-000002", changed{fake: ten, places: short, task: func(t *status.Task) {
			t.LastStart, t.Next = time.Time{}, at.Add(-19*time.Second)
		}}, []string{
			"yes tasks: 1, the next is due 19 s ago",
			"no places: what is due waits, as places for runs of python plugins are short: 3 of 3 used, 40 wanted > raise python::max_workers, or see which",
			"unknown last run: none has ended yet",
		}, false},
		{"has no place of its own", "Interfaces", "", changed{fake: ten, places: []status.Places{
			{Class: "python", Places: 32},
			{Class: "python", Plugin: "Interfaces", Places: 2, Used: 2, Wanted: 9, Short: true, Setting: "limits::per_plugin"},
			{Class: "python", Plugin: "Other", Places: 2, Used: 2, Wanted: 9, Short: true, Setting: "other"},
		}, task: func(t *status.Task) { t.Next = at.Add(-19 * time.Second) }}, []string{
			`the next is due 19 s ago` + "\n" + `no places: what is due waits, as places for runs of plugin "Interfaces" are short: 2 of 2 used, 9 wanted > ` +
				"raise limits::per_plugin, or see why the plugin's runs take long, or let it run less often\nyes last run: ",
		}, false},
		{"short for a moment", "Interfaces", "", changed{fake: ten, places: short}, []string{"yes tasks: 10, the next is due in 30 s\nyes last run: "}, true},
		{"others are short", "Interfaces", "", changed{fake: ten, places: []status.Places{{Class: "exec", Short: true}}, task: func(t *status.Task) {
			t.Next = at.Add(-19 * time.Second)
		}}, []string{"yes tasks: 10, the next is due 19 s ago\nyes last run: "}, true},
		{"gave way", "Interfaces", "switch-000002", changed{fake: ten, task: func(t *status.Task) {
			failing(t)
			t.Error = "no answer after 12s: " + schedule.ErrGaveWay.Error()
		}}, []string{"--resource switch-000002; and look at the places for runs (status page, panoptes top): they were short, and it gave way to others"}, false},
		{"times out, places are short", "Interfaces", "switch-000002", changed{fake: ten, places: short, task: failing}, []string{
			"--resource switch-000002; and raise python::max_workers, or",
		}, false},
		{"no groups", "Interfaces", "", changed{fake: ten, task: func(t *status.Task) { t.Groups, t.Points = 0, 0 }}, []string{"no groups: the runs that went well returned none > panoptes plugin run"}, false},
		{"no points", "Interfaces", "", changed{fake: ten, task: func(t *status.Task) { t.Points = 0 }}, []string{"no groups: 384 groups, of which no data point came > see otelcol_panoptes_dropped"}, false},
		{"discovery", "Interfaces", "", changed{
			fake: ten, plugin: func(p *status.Plugin) { p.Type = "discovery" },
			sources: []store.SourceStatus{{Place: store.Place{Kind: store.KindDiscovery, Name: "Interfaces"}, Resources: 7}},
		}, []string{"yes scheduled: ", "yes tasks: 10", "yes last run: ", "yes discovered: 7 resources"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, ActionsConfig{}, tt.receiver)
			chains := get[[]status.Chain](s, "/api/v1/explain?"+url.Values{"plugin": {tt.plugin}, "id": {tt.id}}.Encode())
			assert.Len(t, chains, 1)
			assert.Equal(t, tt.good, chains[0].Good())
			var told strings.Builder
			for _, l := range chains[0].Links {
				told.WriteString(string(l.Holds) + " " + l.Name + ": " + l.Said)
				if l.Next != "" {
					told.WriteString(" > " + l.Next)
				}
				told.WriteString("\n")
			}
			for _, part := range tt.want {
				assert.Contains(t, told.String(), part)
			}
		})
	}
}

// What stands behind the receiver tells of the plugin; those that have seen nothing of it are left out where others have.
func TestExplainStages(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{}, newFake("", 10))
	stage := func(name, id string, holds status.Holds) func() {
		return s.ext.AddStage(&status.Stage{ID: component.MustNewID(id), Name: name, Link: func(plugin string) status.Link {
			return status.Link{Holds: holds, Said: "told of " + plugin}
		}})
	}
	chain := func() (told []string) {
		links := get[[]status.Chain](s, "/api/v1/explain?plugin=Power+%26+Fans")[0].Links
		for _, l := range links[len(links)-2:] {
			told = append(told, string(l.Holds)+" "+l.Name+": "+l.Said)
		}
		return told
	}
	assert.Contains(t, chain()[0], "unknown transforms: no processor panoptes_rate is here")
	stage(status.LinkPipeline, "a", status.Yes)
	assert.Equal(t, "yes pipeline a: told of Power___Fans", chain()[1], "where no exporter tells")
	remove := stage(status.LinkTransforms, "a", status.Unknown)
	stage(status.LinkExporter, "b", status.Unknown)
	assert.Equal(t, []string{"unknown transforms a: told of Power___Fans", "unknown exporter b: told of Power___Fans"}, chain())
	stage(status.LinkExporter, "c", status.No)
	stage(status.LinkTransforms, "d", status.Yes)
	assert.Equal(t, []string{"yes transforms d: told of Power___Fans", "no exporter c: told of Power___Fans"}, chain())
	remove()
}

// The page of a plugin has its chain, open where it breaks.
func TestExplainPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{}, newFake("", 10))
	page := s.page("/tasks?plugin=Interfaces")
	assert.Contains(t, page, `<details class="chain"><summary>Why it runs</summary>`)
	assert.Contains(t, page, "<dt>tasks</dt><dd>yes: 10, the next is due in 30 s</dd>")
	page = s.page("/tasks?plugin=Power+%26+Fans")
	assert.Contains(t, page, `<details class="chain" open><summary>Why it does not run, or not as it should</summary>`)
	assert.Contains(t, page, `<dd class="error">no: module &#34;power.py&#34;`)
	assert.NotContains(t, s.page("/tasks"), "Why it runs")

	code, text := s.get("/api/v1/explain")
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, text, "plugin: name the plugin")
	assert.JSONEq(t, "[]", s.page("/api/v1/explain?plugin=x&receiver=panoptes/none"))
}
