package snmp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxDocument is the most bytes that a document may have.
const maxDocument = 32 << 20

// compile reads what a plugin polls. The notices are for the log, one line each.
func compile(p *plugin.Plugin) (compiled poller, notices []string, err error) {
	if p.Module == pluginfile.ModuleGeneric {
		return compileGeneric(p)
	}
	t := &tables{}
	for _, d := range p.Documents() {
		more, err := t.read(d, p.File.Config["snmp"])
		if err != nil {
			return nil, nil, err
		}
		notices = append(notices, more...)
	}
	return t, notices, nil
}

// tables are the tables of one plugin.
type tables struct {
	programs []part
}

// part is what one document comes to: a program, or several of which each device has one.
type part interface {
	Describe() []pluginsdk.GroupContract
	poll(ctx context.Context, p *polling) run.Result
}

// program is what one document comes to.
type program struct {
	*table.Program
	// What the document says of the connection. The plugin file comes first, then this, then the receiver.
	credentials *engine.Credentials
	timeout     time.Duration
	retries     int

	mu     sync.Mutex
	states map[deviceKey]*state
	swept  time.Time // when states were looked through
}

// state is what is kept of a device. It belongs to one run at a time, since runs of a plugin and a resource do not overlap.
type state struct {
	table.State
	used int64 // milliseconds since 1970, under program.mu
}

func (t *tables) read(d plugin.Document, options map[string]string) (notices []string, err error) {
	if d.Format == plugin.FormatDatadog {
		out, err := readChoice(d)
		if err != nil {
			return nil, err
		}
		t.programs = append(t.programs, out)
		for _, n := range out.profiles.Notices {
			notices = append(notices, "profile left out: "+n.Error())
		}
		return notices, nil
	}
	content, err := safefile.Read(context.Background(), d.Path, maxDocument)
	if err != nil {
		return nil, err
	}
	out := newProgram(nil)
	switch d.Format {
	case plugin.FormatTables:
		out.Program, err = profile.Tables(d.Name, content)
	case plugin.FormatExporter:
		notices, err = out.exporter(d, content, options["auth"])
	}
	t.programs = append(t.programs, out)
	return notices, err
}

func newProgram(p *table.Program) *program {
	return &program{Program: p, states: map[deviceKey]*state{}}
}

// exporter reads a snmp.yml. auth is the name of one of its credentials, "" for those of the receiver.
func (o *program) exporter(d plugin.Document, content []byte, auth string) (notices []string, err error) {
	file, err := profile.OpenExporter(d.Name, content)
	if err != nil {
		return nil, err
	}
	modules, err := file.Modules(d.Modules...)
	if err != nil {
		return nil, err
	}
	o.Program, o.timeout, o.retries = modules.Program, modules.Timeout, modules.Retries
	if auth != "" {
		credentials, there := modules.Auths[auth]
		if !there {
			return nil, fmt.Errorf("[snmp] auth: %s has no auth %q; it has %s",
				d.Name, auth, strings.Join(slices.Sorted(maps.Keys(modules.Auths)), ", "))
		}
		o.credentials = &credentials
	}
	return modules.Notices, nil
}

func (t *tables) describe() []pluginsdk.GroupContract {
	var out []pluginsdk.GroupContract
	for _, p := range t.programs {
		out = append(out, p.Describe()...)
	}
	return out
}

// poll implements poller. Where all of the documents fail the first error counts.
func (t *tables) poll(ctx context.Context, p *polling) run.Result {
	var err error
	if p.wish, err = connection(p.Settings()["snmp"]); err != nil {
		return p.failed(ctx, err)
	}
	var all run.Result
	for i, one := range t.programs {
		p.last = i == len(t.programs)-1
		result := one.poll(ctx, p)
		if i == 0 {
			all = result
			continue
		}
		if all.Outcome.Failed() && !result.Outcome.Failed() {
			all, result = result, all
		}
		all.Groups, all.Dropped = append(all.Groups, result.Groups...), append(all.Dropped, result.Dropped...)
		if result.Err != nil && !all.Outcome.Failed() {
			p.Drop(&all, run.Drop{Reason: run.DropNotFetched, Err: result.Err})
		}
	}
	return all
}

func (o *program) poll(ctx context.Context, p *polling) run.Result {
	wish := p.wish
	wish.Credentials = o.credentials
	if wish.Timeout == 0 {
		wish.Timeout, wish.Retries = o.timeout, o.retries
	}
	device, err := p.runtime.Devices.Target(ctx, p.Resource, wish)
	if err != nil {
		return p.failed(ctx, err)
	}
	ask := func(ctx context.Context, r *engine.Request) *engine.Result {
		return p.runtime.Devices.Do(ctx, &device, r)
	}
	target := table.Target{Resource: p.Resource, Interval: p.Plugin.GroupInterval(), Now: p.now}
	if p.last { // a run that has a place waits for no device
		target.Room = p.Room
	}
	var boot *boot
	oid, has := o.Uptime()
	if has {
		boot = p.runtime.boots.of(ctx, p.Resource, oid)
		target.Boot = &boot.Boot
	}
	made, err := o.Run(ctx, ask, &o.state(p.Resource, p.now, target.Interval).State, target)
	if has {
		p.runtime.boots.keep(ctx, boot, p.Resource, oid)
	}
	if err != nil {
		return p.failed(ctx, err)
	}
	return p.made(ctx, &made)
}

// made is the result of what a program made.
func (p *polling) made(ctx context.Context, made *table.Result) run.Result {
	if len(made.Groups) == 0 && len(made.Failures) > 0 {
		return p.failed(ctx, made.Failures[0].Err)
	}
	result := p.Groups(made.Groups)
	for _, f := range made.Failures {
		p.Drop(&result, run.Drop{
			Metric: strings.Join(f.Uses, ", "), Reason: run.DropNotFetched,
			Err: fmt.Errorf("%s ended after %s: %w", strings.Join(f.Uses, ", "), logs.Count(f.Rows, "row"), f.Err),
		})
	}
	if len(made.Dropped) == 0 {
		return result
	}
	for _, reason := range slices.Sorted(maps.Keys(made.Dropped)) {
		p.Drop(&result, run.Drop{
			Reason: dropReasons[reason].reason, More: made.Dropped[reason] - 1, Err: fmt.Errorf(dropReasons[reason].text, made.Dropped[reason]),
		})
	}
	return result
}

// dropReasons are what the reasons of programs are for runs.
var dropReasons = map[table.Reason]struct{ reason, text string }{
	table.DropIndex:     {run.DropInvalid, "rows whose index has not the parts that it should have: %d"},
	table.DropDimension: {run.DropNotFetched, "rows of which a dimension could not be fetched: %d"},
	table.DropValue:     {run.DropInvalid, "values that are not what their metric says: %d"},
	table.DropDuplicate: {run.DropDuplicate, "values with the same dimensions as another row: %d"},
	table.DropInvalid:   {run.DropInvalid, "rows that break a rule of metrics groups: %d"},
}

// How long what is kept of a device outlives its last run, and how often that is looked for.
const (
	statesKept  = time.Hour
	statesSwept = 10 * time.Minute
)

// state returns what is kept of a device.
func (o *program) state(r *pluginsdk.Resource, now time.Time, interval time.Duration) *state {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := keyOf(r.Identity())
	s := o.states[key]
	if s == nil {
		s = &state{}
		o.states[key] = s
	}
	s.used = now.UnixMilli()
	if kept := max(statesKept, 3*interval); now.Sub(o.swept) > statesSwept {
		o.swept = now
		oldest := now.Add(-kept).UnixMilli()
		maps.DeleteFunc(o.states, func(_ deviceKey, s *state) bool { return s.used < oldest })
	}
	return s
}
