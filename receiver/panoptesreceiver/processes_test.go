//go:build unix

package panoptesreceiver

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// script writes an exec plugin with a folder of its own.
func (b *bench) script(name, body, main string) {
	b.t.Helper()
	path := filepath.Join("plugins", name, name+".sh")
	b.write(path+".new", "#!/bin/sh\n"+body+"\n")
	full := filepath.Join(b.dir, path)
	require.NoError(b.t, os.Chmod(full+".new", 0o700))
	require.NoError(b.t, os.Rename(full+".new", full))
	b.write(filepath.Join("plugins", name, name+".panoptes-plugin"), conf(name, name+".sh")+main)
}

// An exec plugin is edited while it runs, with a file beside it: it is run from copies, so that a broken change is not.
func TestExecPluginLive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const body = `. ./value; echo "{\"type\":\"t\",\"gauges\":{\"m\":$VALUE}}"`
	b.script("live", body, "runtime = exec\n")
	b.write("plugins/live/value", "VALUE=1")
	b.start()
	p := b.until("the first version", func(p point) bool { return p.metric == "t.m" && p.value == 1 })
	assert.Equal(t, "panoptes/live", p.scope)

	b.write("plugins/live/value", "VALUE=2")
	b.until("the second version", func(p point) bool { return p.value == 2 })

	require.NoError(t, os.Remove(filepath.Join(b.dir, "plugins", "live", "live.sh")))
	b.line("Cannot load plugin", "live.panoptes-plugin", "Module")
	b.until("the last good version", func(p point) bool { return p.value == 2 })
	assert.Zero(t, b.sum("panoptes_runs", "outcome=rejected"))
}

const processScript = `
while read -r line; do
	case $line in
	*'"id":'*) id=${line#*'"id":'}; id=${id%%%%,*} ;;
	esac
	case $line in
	*'"method":"initialize"'*) r='{"protocol_version":1}' ;;
	*'"method":"run"'*) r='{"outcome":"ok","groups":[{"type":"t","gauges":{"m":%d}}]}' ;;
	*'"method":"describe"'*) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"no\"}}"; continue ;;
	*) r='{}' ;;
	esac
	echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$r}"
done`

// A process plugin is edited while it runs: the new version starts before the old one goes.
func TestProcessPluginLive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.script("live", fmt.Sprintf(processScript, 1), "")
	b.start()
	b.until("the first version", func(p point) bool { return p.metric == "t.m" && p.value == 1 })
	b.script("live", fmt.Sprintf(processScript, 2), "")
	b.until("the second version", func(p point) bool { return p.value == 2 })
	b.script("live", "echo oops >&2; exit 3", "")
	b.line("Cannot load plugin", "exit status 3; it said: oops")
	b.until("the last good version", func(p point) bool { return p.value == 2 })
	assert.Zero(t, b.sum("panoptes_runs", "outcome=unavailable"))
}

// A process plugin that does no more runs at once has places that are short, though its class has more, and what sets them.
func TestProcessPluginIsShort(t *testing.T) {
	t.Parallel()
	for setting, says := range map[string]string{"processes::per_plugin": "", "the plugin's concurrency": `,"capabilities":{"concurrency":2}`, "limits::per_plugin": ""} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			b := newShownBench(t)
			b.cfg.Processes.PerPlugin = 2
			if setting == "limits::per_plugin" {
				b.cfg.Limits.PerPlugin, b.cfg.Processes.PerPlugin = 2, 3
			}
			var all []string
			for i := range 6 {
				all = append(all, resourceJSON(fmt.Sprint("r", i)))
			}
			b.write("resources/one.json", "["+strings.Join(all, ",")+"]")
			body := strings.Replace(fmt.Sprintf(processScript, 1), `"protocol_version":1`, `"protocol_version":1`+says, 1)
			b.script("slow", strings.Replace(body, `*'"method":"run"'*)`, `*'"method":"run"'*) continue; `, 1), "")
			b.start()
			var short []status.Places
			require.Eventually(t, func() bool {
				short = slices.DeleteFunc((*b.board.shown.Load()).Places(), func(p status.Places) bool { return !p.Short })
				return len(short) == 1 && short[0].Wanted == 6
			}, patience, 10*time.Millisecond)
			assert.Equal(t, []status.Places{{Class: "process", Plugin: "slow", Places: 2, Used: 2, Wanted: 6, Short: true, Setting: setting}}, short)
		})
	}
}

// What a check says of a state that is not OK is with the pipeline of logs once, and on the status page as long as it lasts.
func TestCheckThatIsNotOK(t *testing.T) {
	t.Parallel()
	b := newShownBench(t)
	b.heard = newHearer()
	b.script("raid", `. ./value; printf 'MD RAID %s|disks=1\n' "$TEXT"; printf 'array md0 has 1 of 2 disks\n'; exit $STATE`,
		"runtime = exec\noutput = nagios\ngroup = raid\n")
	b.write("plugins/raid/value", "TEXT=degraded; STATE=2")
	b.start()
	const text = `MD RAID degraded\narray md0 has 1 of 2 disks`
	bad := b.saidAt(plog.SeverityNumberInfo, text) // each run says it at debug
	assert.Equal(t, plog.SeverityNumberError, bad.severity)
	assert.Equal(t, "panoptes/raid", bad.scope)
	assert.EqualValues(t, 2, bad.attributes["state"])
	task := b.task("raid", func(t status.Task) bool { return t.Check != nil })
	assert.Equal(t, status.Check{State: 2, Reason: "MD RAID degraded"}, *task.Check)
	assert.Equal(t, "ok", task.Outcome)
	detail, err := (*b.board.shown.Load()).Detail(task.TaskID())
	require.NoError(t, err)
	assert.Equal(t, "MD RAID degraded\narray md0 has 1 of 2 disks", detail.Check.Reason)

	b.write("plugins/raid/value", "TEXT=whole; STATE=0")
	assert.Equal(t, plog.SeverityNumberInfo, b.saidAt(plog.SeverityNumberInfo, `MD RAID whole\narray md0 has 1 of 2 disks`).severity)
	b.task("raid", func(t status.Task) bool { return t.Check == nil })
	fields := b.line("Check changed its state", "state:CRITICAL")
	assert.Equal(t, text, fields["text"])
	assert.Equal(t, 1, strings.Count(b.log(), "state:CRITICAL"), "once")
}

func TestPinnedPlugin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.Plugins.Pins = map[string]string{"pinned": strings.Repeat("ab", 32)}
	b.script("pinned", "", "runtime = exec\n")
	b.start()
	fields := b.line("Cannot load plugin", "pinned.panoptes-plugin")
	assert.Contains(t, fields["error"], "the configuration pins it to "+strings.Repeat("ab", 32))
}

func TestRunAs(t *testing.T) {
	t.Parallel()
	c := createDefaultConfig().(*Config).Processes
	c.RunAs = "no-such-user"
	_, err := c.settings()
	require.EqualError(t, err, `processes::run_as: there is no user "no-such-user"`)
	c.RunAs = "0"
	s, err := c.settings()
	require.NoError(t, err)
	assert.Equal(t, uint32(0), s.Hardening.User.UID)
	if os.Geteuid() != 0 {
		return // only root can run plugins as somebody else
	}
	b := newBench(t)
	require.NoError(t, os.Chmod(b.dir, 0o755))
	b.cfg.Processes.RunAs = "nobody"
	b.script("who", `echo "{\"type\":\"t\",\"gauges\":{\"uid\":$(id -u)}}"`, "runtime = exec\n")
	require.NoError(t, os.Chmod(filepath.Join(b.dir, "plugins", "who", "who.sh"), 0o755))
	b.start()
	b.until("a run as nobody", func(p point) bool { return p.metric == "t.uid" && p.value > 0 })
}
