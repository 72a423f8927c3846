package conformance

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// hugeEntries and hugeValue make a resource of about a megabyte.
	hugeEntries = 256
	hugeValue   = 4 << 10
	// concurrent is the number of runs at once, each against a resource of its own.
	concurrent = 8
	// maxGrowth is how much memory many runs may add once the first tenth is over: caches fill, leaks go on.
	maxGrowth = 16 << 20
)

// copes says whether a run against an odd resource ended in a way that is the plugin's own: a result, or an error that
// it raised. What is odd about the resource keeps to the rules, so nothing else may come of it.
func (k *kit) copes(ctx context.Context, r *pluginsdk.Resource) (Verdict, string) {
	result := k.call(ctx, r)
	switch result.Outcome {
	case run.OutcomeOK, run.OutcomeNone:
	case k.plain:
		return Pass, "ended as the first run did: " + string(result.Outcome)
	case run.OutcomeRaised:
		return Warn, describe(result)
	default:
		return Fail, describe(result)
	}
	for _, d := range result.Dropped {
		if d.Reason != run.DropDuplicate {
			return Fail, fmt.Sprintf("dropped (%s): %v", d.Reason, d.Err)
		}
	}
	for _, g := range result.Groups {
		if g.Resource != nil && k.given && g.Resource.ID != r.ID && g.Resource.ID != k.resource.ID {
			return Warn, fmt.Sprintf("group %q is about the resource %q", g.Type, g.Resource.ID)
		}
	}
	return Pass, ""
}

// oddUnicode is a resource whose texts have all that JSON and terminals stumble over.
func (k *kit) oddUnicode(ctx context.Context) (Verdict, string) {
	odd := *k.resource
	const text = "a\u0000\u0001\"\\/\u2028\u202e\ufeff\U0001f4a9e\u0301 \u00e9|:\r\n\t"
	odd.ID, odd.Plugin = text+odd.ID, text
	odd.Metadata = odd.Metadata.Set("odd", strings.ReplaceAll(text, "|", "")).Set("\u00e9t\u00e9", "\u65e5\u672c")
	return k.copes(ctx, &odd)
}

// hugeResource is a resource of about a megabyte.
func (k *kit) hugeResource(ctx context.Context) (Verdict, string) {
	huge := *k.resource
	for i := range hugeEntries {
		huge.Metadata = huge.Metadata.Set(fmt.Sprintf("entry_%d", i), strings.Repeat("x", hugeValue))
	}
	return k.copes(ctx, &huge)
}

// atOnce runs the plugin against several resources at the same time.
func (k *kit) atOnce(ctx context.Context) (Verdict, string) {
	results := make([]run.Result, concurrent)
	var all sync.WaitGroup
	for i := range results {
		r := *k.resource
		r.ID = fmt.Sprintf("%s-%d", r.ID, i)
		all.Go(func() { results[i] = k.call(ctx, &r) })
	}
	all.Wait()
	for _, result := range results {
		if result.Outcome != k.plain && result.Outcome.Failed() {
			return Fail, fmt.Sprintf("of %d runs at once one ended as %s", concurrent, describe(result))
		}
	}
	return Pass, fmt.Sprintf("%d runs at once", concurrent)
}

// cancel gives a run up in the middle, as at shutdown, and asks for another one.
func (k *kit) cancel(ctx context.Context) (Verdict, string) {
	middle := max(k.call(ctx, k.resource).Duration/2, time.Millisecond)
	given, giveUp := context.WithCancel(ctx)
	defer giveUp()
	ended := make(chan run.Result, 1)
	go func() { ended <- k.call(given, k.resource) }()
	timer := time.NewTimer(middle)
	defer timer.Stop()
	var result run.Result
	select {
	case result = <-ended:
	case <-timer.C:
		giveUp()
		result = <-ended
	}
	deadline := time.Now().Add(k.patience)
	for k.runner.Busy(k.plugin, k.resource) {
		if time.Now().After(deadline) {
			return Fail, fmt.Sprintf("the plugin does not heed the end of its context: it still runs %s after that", k.patience)
		}
		if !wait.For(ctx, 10*time.Millisecond) {
			return Skip, "interrupted"
		}
	}
	if again := k.call(ctx, k.resource); again.Outcome != k.plain && again.Outcome.Failed() {
		return Fail, "the run after it ended as " + describe(again)
	}
	if result.Outcome != run.OutcomeCanceled {
		return Pass, "the run was over before it could be given up"
	}
	return Pass, "given up in the middle of a run; the next run is as the first"
}

// manyRuns calls the plugin again and again and looks at the memory it holds.
func (k *kit) manyRuns(ctx context.Context) (Verdict, string) {
	runs := k.Runs
	if runs == 0 {
		runs = manyRuns
		if k.given || k.plugin.Type == plugin.TypeDiscovery {
			runs = fewRuns
		}
	}
	deadline := time.Now().Add(k.Budget)
	var early int64
	var err error
	start, n := time.Now(), 0
	for ; n < runs && (n < 2 || time.Now().Before(deadline)); n++ {
		if result := k.call(ctx, k.resource); result.Outcome != k.plain && result.Outcome.Failed() {
			return Fail, fmt.Sprintf("run %d ended as %s", n+1, describe(result))
		}
		if ctx.Err() != nil {
			return Skip, "interrupted"
		}
		if n == runs/10 {
			if early, err = k.Memory(); err != nil {
				return Skip, "the memory of the plugin cannot be measured: " + err.Error()
			}
		}
	}
	rate := float64(n) / time.Since(start).Seconds()
	detail := fmt.Sprintf("%d runs, %.0f a second, one after the other", n, rate)
	if n < runs {
		return Pass, detail + fmt.Sprintf("; the time for %d is over, memory was not judged", runs)
	}
	late, err := k.Memory()
	if err != nil {
		return Skip, "the memory of the plugin cannot be measured: " + err.Error()
	}
	grown := late - early
	detail += fmt.Sprintf("; memory went from %.1f to %.1f MiB", float64(early)/(1<<20), float64(late)/(1<<20))
	if grown > maxGrowth {
		return Fail, detail + fmt.Sprintf(", which is more than %d MiB in %d runs: something is kept from run to run", maxGrowth>>20, n-n/10)
	}
	if k.Runs == 0 && runs == fewRuns {
		detail += "; --runs 1000 looks longer, at the cost of the device"
	}
	return Pass, detail
}
