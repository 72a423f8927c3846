//go:build e2e && kafka

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
)

const sharesYAML = `
extensions:
  panoptes_shards:
    shards: 16
    group: {brokers: [%[2]s], name: %[3]s, instance: %[4]s, topic: {name: %[3]s-shards}, session_timeout: 6s, rebalance_timeout: 6s}
receivers:
  panoptes:
    plugins: {directories: [%[1]s/plugins], settle: 200ms, scan_interval: 1s}
    resources: {files: [%[1]s/resources/*.json], scan_interval: 1s}
    python: {max_workers: 1, runtime_dir: %[1]s/runtime-%[4]s}
    sharding: panoptes_shards
processors:
  panoptes_rate: {sharding: panoptes_shards}
exporters:
  panoptes_json: {brokers: [%[2]s]}
service:
  extensions: [panoptes_shards]
  pipelines:
    metrics: {receivers: [panoptes], processors: [panoptes_rate], exporters: [panoptes_json]}
  telemetry: {metrics: {level: none}}
`

// The plugins' counters start again every resetEvery milliseconds. The value is the square of the milliseconds since, so that
// a rate shows from which two points it was made.
const (
	resetEvery     = 20_000
	sharesInterval = 2 * time.Second
)

var sharedPython = fmt.Sprintf(`
from panoptes import check, counter
import time

@check(every=2, resources='resource_class = "system"', rates=['n'])
def ticks(ctx):
    now = int(time.time() * 1000)
    yield counter('n', (now %% %d) ** 2, timestamp=now / 1000)
`, resetEvery)

const sharedExec = `[Core]
Name = Shell
Module = shell
[main]
runtime = exec
execute_frequency = 2
resource_filter = resource_class = "system"
[transforms]
shell = rate:shell:n
`

var sharedProgram = fmt.Sprintf(`#!/bin/sh
now=$(date +%%s%%3N)
d=$((now %% %d))
echo '{"type": "shell", "timestamp": '${now%%???}.${now#??????????}', "counters": {"n": '$((d * d))'}}'
`, resetEvery)

// sharedFleet is Collectors that share resources.
type sharedFleet struct {
	*pipeline
	members map[string]*process
}

func newSharedFleet(t *testing.T, resources int) *sharedFleet {
	t.Helper()
	f := &sharedFleet{&pipeline{dir: t.TempDir(), site: site(t), brokers: brokers(t)}, map[string]*process{}}
	var list []string
	for i := range resources {
		list = append(list, strings.ReplaceAll(resourceJSON(f.site), "host1", fmt.Sprint("host", i)))
	}
	write(t, filepath.Join(f.dir, "resources/all.json"), "["+strings.Join(list, ",")+"]")
	f.plugin(t, "ticks", "[Core]\nName = Ticks\nModule = ticks\n", sharedPython)
	writePlugin(t, f.dir, "shell", sharedExec, sharedProgram)
	return f
}

// join starts a member.
func (f *sharedFleet) join(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		config := filepath.Join(f.dir, name+".yaml")
		write(t, config, fmt.Sprintf(sharesYAML, f.dir, f.brokers, f.site, name))
		f.members[name] = start(t, nil, binary(t, "panoptes-otelcol"), "--config", config)
	}
}

func (f *sharedFleet) end(t *testing.T, name string, s syscall.Signal) {
	t.Helper()
	err := f.members[name].stop(t, s)
	if s == syscall.SIGTERM {
		require.NoError(t, err, "member %s", name)
	}
	delete(f.members, name)
}

// balanced waits until all shards are owned, and each member has some.
func (f *sharedFleet) balanced(t *testing.T) {
	t.Helper()
	waitFor(t, fmt.Sprint("ownership by ", slices.Sorted(maps.Keys(f.members))), func() (bool, string) {
		var all struct {
			Members []struct {
				Instance string
				Owned    int
			}
		}
		out, err := exec.Command(binary(t, "panoptes"), "shards", "--brokers", f.brokers, "--group", f.site,
			"--topic", f.site+"-shards", "--wait", "0s", "--json").Output()
		if err != nil || json.Unmarshal(out, &all) != nil || len(all.Members) != len(f.members) {
			return false, string(out)
		}
		for _, m := range all.Members {
			if f.members[m.Instance] == nil || m.Owned < 16/len(f.members) {
				return false, string(out)
			}
		}
		return true, ""
	})
}

// sharedPoint is a point of a counter.
type sharedPoint struct {
	millis  int64
	rate    float64
	hasRate bool
}

// points reads all points so far, by series.
func (f *sharedFleet) points(t *testing.T) map[string][]sharedPoint {
	t.Helper()
	series := map[string][]sharedPoint{}
	consume(t, f.brokers, f.site+"-processed").untilNow(t, func(r *kgo.Record) {
		var group struct {
			Type     string `json:"metrics_group_type"`
			Resource struct {
				ID string `json:"resource_id"`
			}
			Metrics []struct {
				Time  float64 `json:"metric_creation_timestamp"`
				Type  string  `json:"metric_type"`
				Value float64 `json:"metric_value"`
			}
		}
		require.NoError(t, json.Unmarshal(r.Value, &group), string(r.Value))
		var p sharedPoint
		for _, m := range group.Metrics {
			p.millis = int64(math.Round(m.Time * 1000))
			if m.Type == "gauge" {
				p.rate, p.hasRate = m.Value, true
			}
		}
		name := group.Type + " of " + group.Resource.ID
		series[name] = append(series[name], p)
	})
	for _, points := range series {
		slices.SortFunc(points, func(a, b sharedPoint) int { return int(a.millis - b.millis) })
	}
	return series
}

// untilNow reads what was there when it began.
func (c *consumer) untilNow(t *testing.T, each func(*kgo.Record)) {
	t.Helper()
	for now, over := time.Now(), false; !over; {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		fetches := c.client.PollFetches(ctx)
		over = ctx.Err() != nil
		cancel()
		fetches.EachRecord(func(r *kgo.Record) {
			over = over || r.Timestamp.After(now)
			each(r)
		})
	}
}

// phaseOf is where in an interval the slots of a series begin, in milliseconds.
func phaseOf(t *testing.T, series, site string) int64 {
	t.Helper()
	plugin, id, _ := strings.Cut(series, " of ")
	list, errs := parse.ParseJSON([]byte("["+strings.ReplaceAll(resourceJSON(site), "host1", id)+"]"), nil)
	require.Empty(t, errs)
	name := pluginfile.TaskName(&pluginfile.File{NormalizedName: strings.ToUpper(plugin[:1]) + plugin[1:]}, list[0])
	return int64(schedule.Hash([]byte(name))) % sharesInterval.Milliseconds()
}

// lateInARow is how many runs, one after the other, may each come in the slot of the next.
const lateInARow = 3

// polledTwice finds a slot with two points that late runs do not explain: one of these leaves its own slot empty. A task
// that is new begins out of phase, but never twice in a slot.
func polledTwice(points []sharedPoint, phase int64) (at int64, twice bool) {
	interval := sharesInterval.Milliseconds()
	slots := map[int64]int{}
	for _, p := range points {
		slots[(p.millis-phase)/interval]++
	}
	for slot, n := range slots {
		late := slot - 1
		for n == 2 && slots[late] == 1 && slot-late <= lateInARow {
			late--
		}
		if n > 2 || n == 2 && slots[late] > 0 {
			return slot*interval + phase, true
		}
	}
	return 0, false
}

func TestPointsInSlots(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		millis []int64
		twice  bool
	}{
		"each its own":             {millis: []int64{2100, 4100, 6100}},
		"two owners":               {millis: []int64{100, 2100, 4100, 6100, 8100, 8200}, twice: true},
		"one late":                 {millis: []int64{2100, 6000, 6100, 8100}},
		"two late":                 {millis: []int64{2100, 6000, 8000, 8100}},
		"three in one":             {millis: []int64{6000, 6100, 6200}, twice: true},
		"two owners, and one late": {millis: []int64{2100, 4100, 8000, 8050, 8100}, twice: true},
	} {
		t.Run(name, func(t *testing.T) {
			var points []sharedPoint
			for _, m := range tt.millis {
				points = append(points, sharedPoint{millis: 1_000_000_000_000 + m})
			}
			_, twice := polledTwice(points, 0)
			assert.Equal(t, tt.twice, twice)
		})
	}
}

// judge fails the test where there is a point too many, or a wrong rate, and returns how many rates each series lacks.
func judge(t *testing.T, site string, series map[string][]sharedPoint) (missing map[string]int, rates int) {
	t.Helper()
	missing = map[string]int{}
	for name, points := range series {
		if at, twice := polledTwice(points, phaseOf(t, name, site)); twice {
			t.Errorf("%s: two points in the slot of %d: %v", name, at, points)
		}
		for i, p := range points {
			if i == 0 {
				assert.False(t, p.hasRate, "%s: the first point has a rate", name)
				continue
			}
			last := points[i-1]
			before, now := last.millis%resetEvery, p.millis%resetEvery
			dt := p.millis - last.millis
			due := now >= before && dt <= 3*sharesInterval.Milliseconds() && dt < resetEvery
			switch want := float64(now*now-before*before) * 1000 / float64(dt); {
			case p.hasRate && !(math.Abs(p.rate-want) <= want*1e-6):
				t.Errorf("%s: the rate %v at %d is not %v, from %d", name, p.rate, p.millis, want, last.millis)
			case p.hasRate:
				rates++
			case due:
				missing[name]++
			}
		}
	}
	return missing, rates
}

// TestCollectorsShareAFleet: Collectors come, go in order and are killed. No resource is polled twice, no rate is wrong, none
// is missing after what was planned, and one a series after a crash. PANOPTES_SHARDS_FOR is how long that goes on at random
// after what is always done, such as 10m.
func TestCollectorsShareAFleet(t *testing.T) {
	t.Parallel()
	const resources = 12
	f := newSharedFleet(t, resources)
	f.join(t, "a", "b")
	f.balanced(t)
	time.Sleep(2 * sharesInterval)
	f.join(t, "c")
	f.balanced(t)
	time.Sleep(2 * sharesInterval)
	f.end(t, "a", syscall.SIGTERM)
	f.balanced(t)
	time.Sleep(2 * sharesInterval)
	missing, rates := judge(t, f.site, f.points(t))
	assert.Empty(t, missing, "rates that are missing though all was planned")
	assert.Greater(t, rates, 2*resources)

	f.end(t, "b", syscall.SIGKILL)
	f.balanced(t)
	f.join(t, "a")
	f.balanced(t)
	time.Sleep(2 * sharesInterval)
	crashes := 1
	if text := os.Getenv("PANOPTES_SHARDS_FOR"); text != "" {
		length, err := time.ParseDuration(text)
		require.NoError(t, err)
		crashes += f.violence(t, length)
	}
	series := f.points(t)
	assert.Len(t, series, 2*resources)
	missing, rates = judge(t, f.site, series)
	total := 0
	for name, n := range missing {
		assert.LessOrEqual(t, n, crashes, "rates that %s lacks", name)
		total += n
	}
	t.Logf("%d crashes, %d series, %d rates, all right; %d missing", crashes, len(series), rates, total)
}

// violence does things to members at random, and returns how many crashed.
func (f *sharedFleet) violence(t *testing.T, length time.Duration) (crashes int) {
	t.Helper()
	for over := time.Now().Add(length); time.Now().Before(over) && !t.Failed(); {
		names := slices.Sorted(maps.Keys(f.members))
		name := names[rand.IntN(len(names))]
		switch rand.IntN(3) {
		case 0:
			crashes++
			f.end(t, name, syscall.SIGKILL)
			f.join(t, name)
		case 1:
			f.end(t, name, syscall.SIGTERM)
			f.join(t, name)
		case 2: // the machine hangs, which is a crash where it is for longer than a session
			crashes++
			require.NoError(t, f.members[name].cmd.Process.Signal(syscall.SIGSTOP))
			time.Sleep(time.Duration(rand.IntN(10)) * time.Second)
			require.NoError(t, f.members[name].cmd.Process.Signal(syscall.SIGCONT))
		}
		f.balanced(t)
		time.Sleep(time.Duration(rand.IntN(5000)) * time.Millisecond)
	}
	return crashes
}
