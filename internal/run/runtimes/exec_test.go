//go:build unix

package runtimes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// openFixture is a plugin that runs the tests' own binary; main are lines of its [main].
func openFixture(t *testing.T, mode string, o plugin.OpenOptions, main ...string) *plugin.Plugin {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.panoptes-plugin")
	text := "[Core]\nName = " + mode + "\nModule = " + os.Args[0] + pluginHead
	text += fmt.Sprintf("args = %s '%s'", fixtureArg, mode)
	for _, line := range main {
		text += line + "\n"
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	p, _, err := plugin.Open(path, o)
	require.NoError(t, err)
	return p
}

func openExec(t *testing.T, mode string, main ...string) *plugin.Plugin {
	t.Helper()
	return openFixture(t, mode, plugin.OpenOptions{}, append([]string{"", "runtime = exec"}, main...)...)
}

func dimensions(g *pluginsdk.MetricsGroup) map[string]string {
	out := map[string]string{}
	for _, d := range g.Dimensions() {
		out[d.Name] = d.Value
	}
	return out
}

func TestExec(t *testing.T) {
	t.Parallel()
	logger, logs := logged(t)
	r := newRunners(t, Settings{Host: Host{Logger: logger}})
	p := openExec(t, "exec-good")
	require.NoError(t, checked(r, p))
	result := runOnce(r, p, "id1")
	require.NoError(t, result.Err)
	require.Len(t, result.Groups, 1)
	g := result.Groups[0]
	assert.Equal(t, "exec", g.Type)
	assert.Equal(t, 60, g.Interval)
	assert.Equal(t, "id1", g.Resource.ID)
	assert.Equal(t, map[string]string{
		"id": "id1", "endpoint": "id1.example", "interval": "60", "dir": filepath.Dir(os.Args[0]), "args": "exec-good",
	}, dimensions(g))
	assert.Positive(t, result.CPU)
	line := logs.FilterMessage("done").All()
	require.Len(t, line, 1)
	assert.Equal(t, "id1", line[0].ContextMap()["resource_id"])
	assert.Equal(t, "exec-good", line[0].ContextMap()["plugin"])
}

func TestExecOutcomes(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{Limits: run.Limits{ResultBytes: 1 << 20}})
	for _, c := range []struct {
		mode    string
		main    []string
		outcome run.Outcome
		groups  int
		drops   []string
		err     string
	}{
		{"exec-nothing", nil, run.OutcomeNone, 0, nil, ""},
		{"exec-no-groups", nil, run.OutcomeOK, 0, nil, ""},
		{"exec-text", nil, run.OutcomeProtocol, 0, nil, `stdout has no metrics groups: line 1 is no JSON`},
		{"exec-mixed", nil, run.OutcomeOK, 1, []string{run.DropInvalid, run.DropDuplicate}, ""},
		{"exec-fails", nil, run.OutcomeRaised, 0, nil, "the program ended with exit status 4; it said: no route"},
		{"exec-dies", nil, run.OutcomeCrashed, 0, nil, "the program ended by signal: killed"},
		{"exec-floods", nil, run.OutcomeTooLarge, 0, nil, "output is longer than 1048576 bytes"},
		{"exec-warning", []string{"output = nagios"}, run.OutcomeOK, 2, nil, ""},
		{"exec-no-state", []string{"output = nagios"}, run.OutcomeRaised, 0, nil, "exit status 9, which is no state: 0 to 3 are; it wrote: cannot"},
		{"exec-text-format", []string{"output = prometheus", "group_type = disks"}, run.OutcomeOK, 1, []string{run.DropNotFinite}, ""},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			result := runOnce(r, openExec(t, c.mode, c.main...), "id")
			assert.Equal(t, c.outcome, result.Outcome, "%v", result.Err)
			assert.Len(t, result.Groups, c.groups)
			var drops []string
			for _, d := range result.Dropped {
				drops = append(drops, d.Reason)
				assert.ErrorContains(t, d.Err, c.mode)
			}
			assert.Equal(t, c.drops, drops)
			if c.err != "" {
				assert.ErrorContains(t, result.Err, c.err)
				assert.ErrorContains(t, result.Err, fmt.Sprintf("plugin %q: resource %q: ", c.mode, "id"))
			}
		})
	}
}

func TestExecGroupType(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	result := runOnce(r, openExec(t, "exec-text-format", "output = prometheus", "group_type = disks"), "id")
	require.Len(t, result.Groups, 1)
	assert.Equal(t, "disks", result.Groups[0].Type)
	result = runOnce(r, openExec(t, "exec-warning", "output = nagios"), "id")
	require.Len(t, result.Groups, 2)
	assert.Equal(t, "exec_warning", result.Groups[0].Type, "the plugin's normalized name")
	assert.Equal(t, map[string]string{"label": "/var", "uom": "%"}, dimensions(result.Groups[1]))
}

// TestExecDeadline: a run ends at its deadline, whatever its child does; until the child is gone the pair is busy.
func TestExecDeadline(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openFixture(t, "exec-hangs", plugin.OpenOptions{Deadline: 300 * time.Millisecond}, "", "runtime = exec")
	result := runOnce(r, p, "id")
	assert.Equal(t, run.OutcomeTimeout, result.Outcome)
	assert.ErrorContains(t, result.Err, "run took longer than its deadline of 300ms")
	assert.True(t, r.Busy(p, testResource("id")))
	assert.Equal(t, run.OutcomeBusy, runOnce(r, p, "id").Outcome)
	assert.False(t, r.Busy(p, testResource("other")))
	assert.Eventually(t, func() bool { return !r.Busy(p, testResource("id")) }, 20*time.Second, 10*time.Millisecond)
}

func TestExecCanceled(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openExec(t, "exec-hangs")
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	result := r.Run(ctx, run.Request{Plugin: p, Resource: testResource("id")})
	assert.Equal(t, run.OutcomeCanceled, result.Outcome)
	time.AfterFunc(50*time.Millisecond, func() { _ = r.Close(context.Background()) })
	assert.Equal(t, run.OutcomeCanceled, runOnce(r, p, "other").Outcome)
	assert.Equal(t, run.OutcomeCanceled, runOnce(r, p, "third").Outcome, "after Shutdown")
}

// TestExecOrphan: a process that left the group and holds stdout costs the run a second, not its result.
func TestExecOrphan(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	r := newRunners(t, Settings{})
	p := openExec(t, "exec-orphan")
	writeEnvScript(t, p, pids)
	result := runOnce(r, p, "id")
	require.NoError(t, result.Err)
	assert.Len(t, result.Groups, 1)
	killAll(t, pids)
}

// writeEnvScript has the fixture of p run by a script that tells grandchildren where to leave their numbers.
func writeEnvScript(t *testing.T, p *plugin.Plugin, pids string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	writeScript(t, path, `FIXTURE_PIDS="`+pids+`" exec "`+os.Args[0]+`" "$@"`)
	p.Module = path
}

// killAll ends the processes whose numbers a file has.
func killAll(t *testing.T, pids string) {
	t.Helper()
	var text []byte
	require.Eventually(t, func() bool { text, _ = os.ReadFile(pids); return len(text) > 0 }, 20*time.Second, 10*time.Millisecond)
	for line := range strings.FieldsSeq(string(text)) {
		var pid int
		_, err := fmt.Sscan(line, &pid)
		require.NoError(t, err)
		assert.NoError(t, syscall.Kill(pid, syscall.SIGKILL), "the grandchild should have lived on")
	}
}

func TestExecPlaces(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{Programs: program.Settings{MaxExec: 1}})
	p := openFixture(t, "exec-hangs", plugin.OpenOptions{Deadline: 200 * time.Millisecond}, "", "runtime = exec")
	done := make(chan run.Result, 2)
	for i := range 2 {
		go func() { done <- runOnce(r, p, fmt.Sprint("id", i)) }()
	}
	for range 2 {
		assert.Equal(t, run.OutcomeTimeout, (<-done).Outcome, "the wait for a place does not count")
	}
}

func TestExecEnvironment(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "x")
	t.Setenv("HTTPS_PROXY", "y")
	r := newRunners(t, Settings{Programs: program.Settings{Inherit: []string{"HTTPS_PROXY"}}})
	result := runOnce(r, openExec(t, "exec-environment"), "id")
	require.NoError(t, result.Err)
	names := map[string]bool{}
	for _, g := range result.Groups {
		names[dimensions(g)["name"]] = true
	}
	assert.True(t, names["PATH"] && names["HTTPS_PROXY"] && names["PANOPTES_RESOURCE_ID"] && names["PANOPTES_CONFIG"], names)
	assert.False(t, names["SECRET_TOKEN"])
}

func TestExecCannotStart(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openExec(t, "exec-good")
	p.Module = filepath.Join(t.TempDir(), "x")
	result := runOnce(r, p, "id")
	assert.Equal(t, run.OutcomeRejected, result.Outcome)
	assert.ErrorIs(t, result.Err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(p.Module, []byte("echo hello"), 0o700))
	result = runOnce(r, p, "id")
	assert.Equal(t, run.OutcomeRejected, result.Outcome)
	assert.ErrorContains(t, result.Err, `a script must begin with a line such as "#!/bin/sh"`)
}

func TestExecArguments(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openFixture(t, "exec-good", plugin.OpenOptions{}, " -H {resource_endpoint} 'two  words' \"\" {resource_metadata.os}:{resource_id} $HOME `id` *", "runtime = exec")
	res := testResource("id'; rm -rf \"$HOME\"")
	res.Metadata = res.Metadata.Set("os", "a b")
	result := r.Run(context.Background(), run.Request{Plugin: p, Resource: res})
	require.NoError(t, result.Err)
	assert.Equal(t, "exec-good|-H|"+res.Endpoint+"|two  words||a b:"+res.ID+"|$HOME|`id`|*", dimensions(result.Groups[0])["args"])

	res.Endpoint = "--output=/etc/passwd"
	result = r.Run(context.Background(), run.Request{Plugin: p, Resource: res})
	assert.Equal(t, run.OutcomeRejected, result.Outcome)
	assert.ErrorContains(t, result.Err, `{resource_endpoint} is "--output=/etc/passwd", which the program would take for an option`)
	res.Endpoint, res.Metadata = "e", nil
	result = r.Run(context.Background(), run.Request{Plugin: p, Resource: res})
	assert.ErrorContains(t, result.Err, `the resource has no metadata "os"`)
}

func TestConfigOfExecIsBounded(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openExec(t, "exec-config")
	result := r.Run(context.Background(), run.Request{Plugin: p, Resource: testResource("id"), Config: pluginsdk.Config{"a": {"b": "c"}}})
	require.NoError(t, result.Err)
	assert.Equal(t, `{"a":{"b":"c"}}`, dimensions(result.Groups[0])["config"])
	big := p.Variant(func(v *plugin.Plugin) {
		v.File.Config = pluginsdk.Config{"big": {"x": strings.Repeat("x", 64<<10)}}
	})
	assert.ErrorContains(t, checked(r, big), "the plugin file is too large for an exec plugin")
	assert.Equal(t, run.OutcomeRejected, runOnce(r, big, "id").Outcome)
}

func killPid(t *testing.T, text string) {
	t.Helper()
	pid, err := strconv.Atoi(text)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

// A check has the text that it wrote beside its state; the log has it at debug only, since it comes with each run.
func TestCheckText(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	dir := t.TempDir()
	writeScript(t, filepath.Join(dir, "check"), `printf 'DISK dead\033[1m - of disk|used=1'"\n"'more\n'; exit 2`)
	file := filepath.Join(dir, "x.panoptes-plugin")
	require.NoError(t, os.WriteFile(file, []byte("[Core]\nName = raid\nModule = check"+pluginHead+"runtime = exec\noutput = nagios\n"), 0o600))
	p, _, err := plugin.Open(file, plugin.OpenOptions{})
	require.NoError(t, err)
	var lines []runlog.Line
	result := r.Run(t.Context(), run.Request{Plugin: p, Resource: testResource("md0"), Log: func(l runlog.Line) { lines = append(lines, l) }})
	require.Equal(t, run.OutcomeOK, result.Outcome, result.Err)
	assert.Equal(t, &run.Check{State: 2, Text: `DISK dead\x1b[1m - of disk` + "\nmore"}, result.Check)
	for _, l := range lines {
		assert.Equal(t, zapcore.DebugLevel, l.Level, l.Message)
	}
}

// A program that cannot be run, or says by its exit status that it could not run another, says why.
func TestExecMessages(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	for name, c := range map[string]struct {
		text    string
		outcome run.Outcome
		want    string
	}{
		"crlf":    {"#!/bin/sh\r\necho \"{}\"\r\n", run.OutcomeRejected, `the interpreter "/bin/sh\r" of its first line does not exist: the line ends as on Windows`},
		"missing": {"#!/bin/sh\nno-such-command-here\n", run.OutcomeRaised, "the program ended with exit status 127 (as shells and env say of a command that is not found); it said: "},
		"forbid":  {"#!/bin/sh\nexec /dev/null\n", run.OutcomeRaised, "the program ended with exit status 126 (as shells say of a command that cannot be executed)"},
		"env":     {"#!/usr/bin/env nosuchpython\n", run.OutcomeRaised, `exit status 127 (env does not find the interpreter "nosuchpython" of its first line in PATH)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, file := filepath.Join(dir, "check.sh"), filepath.Join(dir, "x.panoptes-plugin")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o700))
			require.NoError(t, os.WriteFile(file, []byte("[Core]\nName = "+name+"\nModule = check.sh"+pluginHead+"runtime = exec\n"), 0o600))
			p, _, err := plugin.Open(file, plugin.OpenOptions{})
			require.NoError(t, err)
			result := runOnce(r, p, "id")
			assert.Equal(t, c.outcome, result.Outcome)
			assert.ErrorContains(t, result.Err, c.want)
		})
	}
}
