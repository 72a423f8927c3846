package panoptesstatusextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var at = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// fake is a receiver with as many resources as asked for, and two plugins that run against each of them.
type fake struct {
	id      component.ID
	entries []store.Entry
	tasks   []status.Task
	ran     atomic.Int64
}

func newFake(name string, resources int) *fake {
	f := &fake{id: component.MustNewIDWithName("panoptes", name)}
	place := store.Place{Kind: store.KindFile, Name: "/etc/panoptes/resources.json"}
	for i := range resources {
		r := &pluginsdk.Resource{
			Site: fmt.Sprintf("dc%d", i%3+1), Class: "network", Subclass: "switch", Type: "generic", ID: fmt.Sprintf("switch-%06d", i),
			Endpoint: fmt.Sprintf("192.0.2.%d", i%250), Plugin: "discovery",
			Metadata: pluginsdk.Metadata{}.Set("_resource_ttl", "900").Set("os", `<b>"junos"</b>`),
		}
		f.entries = append(f.entries, store.Entry{
			Resource: r, Since: at.Add(-48 * time.Hour),
			Claims: []store.Claim{{Place: place, Resource: r, Since: at.Add(-47 * time.Hour), Expires: at.Add(10 * time.Minute), TTL: 900}},
		})
		for _, plugin := range []string{"Interfaces", "Power & Fans"} {
			f.tasks = append(f.tasks, task(plugin, r, i))
		}
	}
	return f
}

// task is in a state that depends on the number.
func task(plugin string, r *pluginsdk.Resource, i int) status.Task {
	t := status.Task{
		Plugin: plugin, Resource: r, State: status.OK, LastStart: at.Add(-30 * time.Second), Duration: (time.Duration(i%700) * time.Millisecond).Seconds(),
		Lateness: (time.Duration(i%9) * time.Millisecond).Seconds(), Outcome: "ok", Groups: 48, Points: 672, Bytes: 12_345, Next: at.Add(30 * time.Second),
	}
	switch i % 50 {
	case 7:
		t.State, t.Outcome, t.Error, t.Failures, t.Groups, t.Points = status.Failing, "timeout", "no answer", 3, 0, 0
	case 8:
		t.State, t.Outcome, t.Failures = status.BackingOff, "raised", 12
	case 9:
		t.State, t.LastStart, t.Outcome = status.Waiting, time.Time{}, ""
	}
	return t
}

func (f *fake) ID() component.ID                 { return f.id }
func (f *fake) Counts() (plugins, resources int) { return 2, len(f.entries) }

func (f *fake) Places() []status.Places {
	return []status.Places{
		{Class: "go", Places: 64, Used: 1, Wanted: 1, Setting: "max_concurrent_runs"},
		{Class: "exec", Places: 32, Used: 32, Wanted: 90, Short: true, Setting: "processes::max_exec"},
		{Class: "process", Plugin: "Power & Fans", Places: 2, Used: 2, Wanted: 5, Short: true, Setting: "processes::per_plugin"},
	}
}

func (f *fake) Plugins() []status.Plugin {
	return []status.Plugin{
		{
			Name: "Interfaces", File: "/etc/panoptes/plugins/interfaces.panoptes-plugin", Runtime: "python", Version: "7dfb5a2fd33c",
			Type: "polling", Interval: 60, Deadline: 75, Filter: `resource_class = "network"`,
			Loaded: at.Add(-3 * time.Hour), Tasks: len(f.entries), Runs: 9000, FailedRuns: 12, Points: 4_000_000, Bytes: 9_000_000, Series: 32_000, Busy: 3600,
			LastFailure: &status.Failure{At: at.Add(-time.Minute), FailedOn: status.FailedOn(f.tasks[min(14, len(f.tasks)-1)].Resource.Identity()), Outcome: "timeout", Error: "no answer\nat all"},
		},
		{
			Name: "Power & Fans", File: "/etc/panoptes/plugins/power.panoptes-plugin", Runtime: "process", Version: "0123456789ab",
			Type: "polling", Interval: 300, Tasks: len(f.entries), Loaded: at.Add(-time.Hour), CPU: 60,
			Error: `module "power.py", line 3: SyntaxError: invalid syntax`, ErrorSince: at.Add(-90 * time.Second),
		},
	}
}

func (f *fake) Sources() []store.SourceStatus {
	return []store.SourceStatus{
		{Place: store.Place{Kind: store.KindFile, Name: "/etc/panoptes/resources.json"}, Resources: len(f.entries), Refreshed: at, Changed: at.Add(-time.Hour)},
		{Place: store.Place{Kind: store.KindHTTP, Name: "https://cmdb.example/resources"}, Error: "status 503", Failed: at.Add(-time.Minute)},
	}
}

func (f *fake) Warnings() []status.Warning {
	return []status.Warning{{Plugin: "Power & Fans", Said: "no resource matches", Next: "change <its> filter"}}
}

func (f *fake) Resources() []store.Entry { return f.entries }

func (f *fake) Tasks(visit func(*status.Task) bool) {
	for i := range f.tasks {
		if !visit(&f.tasks[i]) {
			return
		}
	}
}

func (f *fake) Detail(id status.TaskID) (*status.Detail, error) {
	for i := range f.tasks {
		if f.tasks[i].TaskID() != id {
			continue
		}
		entry := status.ResourceOf("", f.entries[i/2])
		return &status.Detail{
			Task: f.tasks[i], Interval: 60, Error: "timeout: no answer\n  File \"interfaces.py\", line 7", ErrorAt: at.Add(-time.Minute),
			Log:    []status.LogLine{{At: at.Add(-time.Minute), Level: "info", Message: "<script>alert(1)</script>"}},
			Output: []json.RawMessage{[]byte(`{"metrics_group_type": "interface"}`)}, Entry: &entry,
		}, nil
	}
	return nil, status.ErrNoTask
}

func (f *fake) Kept(_ context.Context, id string) (status.Kept, error) {
	if id == "broken" {
		return status.Kept{}, errors.New("the store is away")
	}
	return status.Kept{ResourceID: id, Left: 3, Items: []status.KeptItem{
		{Store: status.KeptEnrichment, Name: "interfaces", Value: `{"1": {"name": "<b>eth0"}}`, Bytes: 26, Made: at, Expires: at.Add(time.Hour)},
		{Store: status.KeptKeys, Name: id + ":errors", Error: "it is a set"},
	}}, nil
}

func (f *fake) RunNow(_ context.Context, id status.TaskID) error {
	d, err := f.Detail(id)
	if err != nil {
		return err
	}
	if d.State == status.Waiting {
		return status.ErrBusy
	}
	f.ran.Add(1)
	return nil
}
