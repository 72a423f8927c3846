// Package conformance plays a host that is hostile, but within the rules, to a plugin, and says what the plugin made of
// it. It runs plugins through the receiver's own code, so that what passes here runs there.
package conformance

import (
	"context"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Verdict is what came of a check.
type Verdict string

// The verdicts. Only Fail means that the plugin has to be fixed.
const (
	Pass Verdict = "pass"
	Fail Verdict = "fail"
	// Warn is what works, but is hardly meant.
	Warn Verdict = "warn"
	// Skip is a check that could not be made, or makes no sense for the plugin's runtime.
	Skip Verdict = "skip"
)

// Check is one line of the outcome.
type Check struct {
	// Name is the check's, such as "odd_unicode".
	Name    string
	Verdict Verdict
	// Detail says in words what was seen; lines of it belong together.
	Detail string
	// Took is how long the check took.
	Took time.Duration
}

// Settings are what Play takes.
type Settings struct {
	// NewRunner makes what runs the plugin. change, where it is not nil, changes how programs are run. Play shuts it down.
	NewRunner func(change func(*program.Settings)) (*run.Runner, error)
	// Warnings returns the warnings that runners have logged since it was last called; nil has none.
	Warnings func() []string
	// Open opens the plugin, as plugin.Open does.
	Open func() (*plugin.Plugin, []string, error)
	// Resources are what the plugin is played against: the first one that matches, or a made-up one where none is given.
	Resources []*pluginsdk.Resource
	// Runs is the number of calls of the check "many_runs"; 0 is manyRuns, or fewRuns where the plugin may ask a device.
	Runs int
	// Budget bounds the time of that check; a slow plugin is called less often, which the detail says.
	Budget time.Duration
	// Memory returns the bytes that plugins hold, in whatever process.
	Memory func() (int64, error)
	// Explain names for each resource that does not match the clause that fails.
	Explain bool

	// patience is how long a plugin may take to end once it was told to; 0 means defaultPatience.
	patience time.Duration
}

const defaultPatience = 10 * time.Second

// How often many_runs calls a plugin where nobody says it: what asks a device is not to ask it a thousand times unasked.
const (
	manyRuns = 1000
	fewRuns  = 10
)

// kit is the state of one play.
type kit struct {
	Settings
	plugin   *plugin.Plugin
	runner   *run.Runner
	resource *pluginsdk.Resource
	// given says that the resource is one of the caller's, which the plugin has to cope with.
	given bool
	// plain is how the first run ended.
	plain run.Outcome
	// over says that nothing more can be checked, although nothing failed.
	over bool
}

// step is one check. The first one that fails of those marked vital ends the play.
type step struct {
	name  string
	vital bool
	play  func(*kit, context.Context) (Verdict, string)
}

var steps = []step{
	{"plugin_file", true, (*kit).open},
	{"load", true, (*kit).load},
	{"resources", true, (*kit).match},
	{"run", true, (*kit).run},
	{"metrics", false, (*kit).metrics},
	{"prometheus", false, (*kit).prometheus},
	{"odd_unicode", false, (*kit).oddUnicode},
	{"huge_resource", false, (*kit).hugeResource},
	{"slow_input", false, (*kit).slowInput},
	{"clock_steps", false, (*kit).clockSteps},
	{"many_at_once", false, (*kit).atOnce},
	{"cancel", false, (*kit).cancel},
	{"many_runs", false, (*kit).manyRuns},
}

// Play checks a plugin and reports each check as it ends. It returns whether none failed; the error says
// that the checks could not be made, or were interrupted.
func Play(ctx context.Context, s Settings, report func(Check)) (good bool, err error) {
	k := &kit{Settings: s}
	if k.patience == 0 {
		k.patience = defaultPatience
	}
	defer func() {
		if k.runner == nil {
			return
		}
		end, stop := context.WithTimeout(context.WithoutCancel(ctx), k.patience)
		defer stop()
		if e := k.runner.Close(end); e != nil {
			good = false
			report(Check{Name: "shutdown", Verdict: Fail, Detail: e.Error()})
		}
	}()
	if k.runner, err = s.NewRunner(nil); err != nil {
		return false, err
	}
	good = true
	for _, st := range steps {
		if why := k.senseless(st.name); why != "" {
			report(Check{Name: st.name, Verdict: Skip, Detail: why})
			continue
		}
		start := time.Now()
		verdict, detail := st.play(k, ctx)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		report(Check{Name: st.name, Verdict: verdict, Detail: detail, Took: time.Since(start)})
		if verdict == Fail {
			good = false
			if st.vital {
				return false, nil
			}
		}
		if k.over {
			break
		}
	}
	return good, nil
}
