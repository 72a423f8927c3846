package pluginsdk_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// newContext is what a host gives to a run.
func newContext() *pluginsdk.PluginContext {
	return &pluginsdk.PluginContext{
		Resource: &pluginsdk.Resource{
			Site: "dc1", Class: "building", Subclass: "door", Type: "generic", ID: "door-1", Endpoint: "door-1.example",
			CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1_700_000_000)),
		},
		Config:   pluginsdk.Config{"main": {"timeout": "5"}},
		Interval: time.Minute,
	}
}

// show prints groups without their times.
func show(set *pluginsdk.MetricsGroupSet, err error) {
	for _, g := range set.Groups() {
		fmt.Println(g.Type, g.Dimensions(), "every", g.Interval, "s")
		for _, m := range g.Metrics() {
			fmt.Println(" ", m.Type, m.Name, m.Value)
		}
	}
	fmt.Println("error:", err)
}

// A whole plugin: a function that is given a resource and returns groups.
func Example() {
	run := func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		groups := pc.NewGroups()
		groups.Group("door", "floor", "2").Gauge("open", 1).Counter("opened", 1204)
		return groups.Result()
	}
	show(run(context.Background(), newContext()))
	// Output:
	// door [{floor 2}] every 60 s
	//   gauge open 1.0
	//   counter opened 1204
	// error: <nil>
}

// What breaks a rule is an error of Result, and names the rule.
func ExampleGroups_Result() {
	groups := newContext().NewGroups()
	groups.Group("door").Gauge("is-open", 1)
	show(groups.Result())
	// Output:
	// error: metric name "is-open" has to match pattern: (letter|"_") (letter | digit | "_")*
}

// Settings come from the plugin file, as text.
func ExampleConfig_Get() {
	pc := newContext()
	seconds, err := strconv.Atoi(pc.Config.Get("main", "timeout"))
	fmt.Println(seconds, err)
	// Output: 5 <nil>
}

// A plugin that has nothing to say this time returns ErrNoResults, which is no failure.
func ExamplePollingPluginFunc() {
	plugin := pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		return nil, pluginsdk.ErrNoResults
	})
	_, err := plugin.Run(context.Background(), newContext())
	fmt.Println(errors.Is(err, pluginsdk.ErrNoResults))
	// Output: true
}

// Groups can also be built step by step, which allows all that the format has.
func ExamplePluginContext_NewMetricsGroup() {
	pc := newContext()
	group, err := pc.NewMetricsGroup("door")
	if err != nil {
		fmt.Println(err)
		return
	}
	err = errors.Join(
		group.AddDimension("floor", "2"),
		group.AddMetric(pluginsdk.Metric{
			Name: "open", Type: pluginsdk.Gauge, Value: pluginsdk.Int(1), Timestamp: pluginsdk.UnixTime(time.Unix(1_700_000_000, 0)),
		}),
	)
	show(pluginsdk.NewMetricsGroupSet(group), err)
	// Output:
	// door [{floor 2}] every 60 s
	//   gauge open 1
	// error: <nil>
}

// The main of a plugin that is a program of its own: the receiver starts it, and it lives on from run to run. Its plugin
// file names the program as Module.
func ExampleServe() {
	run := func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		groups := pc.NewGroups()
		groups.Group("door").Gauge("open", 1)
		return groups.Result()
	}
	if err := pluginsdk.Serve(pluginsdk.PollingPluginFunc(run)); err != nil {
		fmt.Println(err)
	}
}
