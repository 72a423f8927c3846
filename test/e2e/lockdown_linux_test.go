//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sys/unix"
)

const (
	// lockedEnv makes the test program lock itself up and become the Collector; it has the folder to take along.
	lockedEnv = "PANOPTES_TEST_LOCKED"
	// requireNamespaces fails what is skipped otherwise where there are no namespaces.
	requireNamespaces = "PANOPTES_REQUIRE_NAMESPACES"
	// nobody is the user inside.
	nobody = 65534
	// lockedRoot is where what the Collector needs is, inside. Every system has it.
	lockedRoot = "/mnt"
)

// lockUp changes this process's own view of the file system: / is read-only, /tmp is empty, can be written and is mounted
// noexec, and what lies in from is below lockedRoot, where only "python" can be written. Then it gives up all rights.
func lockUp(from string) error {
	mount := func(source, target, kind string, flags uintptr, data string) error {
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			return fmt.Errorf("mount %q on %q: %w", source, target, err)
		}
		return nil
	}
	readOnly := func(target string) error {
		var s unix.Statfs_t
		if err := unix.Statfs(target, &s); err != nil {
			return err
		}
		kept := uintptr(s.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC) // may not be taken away
		return mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|kept, "")
	}
	python := filepath.Join(lockedRoot, "python")
	for _, step := range []func() error{
		func() error { return mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "") },
		func() error { return mount(from, lockedRoot, "", unix.MS_BIND, "") },
		func() error { return mount(python, python, "", unix.MS_BIND, "") },
		func() error { return readOnly(lockedRoot) },
		func() error {
			return mount("tmpfs", "/tmp", "tmpfs", unix.MS_NOEXEC|unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
		},
		func() error { return readOnly("/") },
		func() error { return os.Chdir("/") },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if os.Getuid() == 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return err
		}
		if err := syscall.Setgid(nobody); err != nil {
			return err
		}
		return syscall.Setuid(nobody)
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
}

// TestLockedUp is no test of its own: it is the process that the others start in namespaces of its own.
func TestLockedUp(t *testing.T) {
	from := os.Getenv(lockedEnv)
	if from == "" {
		return
	}
	runtime.LockOSThread() // capabilities are a thread's
	if err := lockUp(from); err != nil {
		t.Fatal("cannot be locked up: ", err)
	}
	err := syscall.Exec(filepath.Join(lockedRoot, "panoptes-otelcol"), []string{
		"panoptes-otelcol", "--config", filepath.Join(lockedRoot, "config.yaml"),
	}, []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent"})
	t.Fatal(err)
}

// locked starts a Collector in a folder that is locked up, or skips the test where the system refuses the namespaces.
func locked(t *testing.T, from string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run=^TestLockedUp$")
	cmd.Env = append(os.Environ(), lockedEnv+"="+from)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	refused := func(why string) {
		if os.Getenv(requireNamespaces) != "" {
			t.Fatal(requireNamespaces + " is set, and a test cannot mount file systems here: " + why)
		}
		t.Skip("a test cannot mount file systems here: " + why)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	if err := p.tryRun(t); err != nil {
		refused(err.Error())
	}
	waitFor(t, "start of the Collector", func() (bool, string) {
		if strings.Contains(p.output(), "cannot be locked up") {
			refused(p.output())
		}
		select {
		case <-p.done:
			t.Fatalf("the Collector ended: %s", p.output())
		default:
		}
		return strings.Contains(p.output(), "Everything is ready"), p.output()
	})
	return p
}

const lockedYAML = `
receivers:
  panoptes:
    plugins: {directories: [/mnt/python, /mnt/programs], settle: 200ms}
    resources: {files: [/mnt/resources.json]}
    python: {interpreter: %[3]s}
exporters:
  panoptes_json: {brokers: ["%[1]s"]}
service:
  pipelines:
    metrics: {receivers: [panoptes], exporters: [panoptes_json]}
  telemetry: {metrics: {level: none}, logs: {level: info}}
`

const lockedModule = `import os, helper
from yahoo_panoptes.framework.metrics import (PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup,
                                              PanoptesMetricsGroupSet, PanoptesMetricType)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

class Locked(PanoptesPollingPlugin):
    def run(self, context):
        group = PanoptesMetricsGroup(context.data, 'python', 1)
        group.add_dimension(PanoptesMetricDimension('uid', str(os.getuid())))
        for name, path in (('root', '/probe'), ('beside', os.path.dirname(__file__) + '/probe'), ('temporary', '/tmp/probe')):
            try:
                open(path, 'w').close()
                os.remove(path)
                written = helper.YES
            except OSError:
                written = 0
            group.add_metric(PanoptesMetric('writes_' + name, written, PanoptesMetricType.GAUGE))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
`

const lockedProcess = `#!%s -IS
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if message['method'] == 'run':
        result = {'outcome': 'ok', 'groups': [{'type': 'process', 'dimensions': {'uid': str(os.getuid())}, 'gauges': {'n': 1}}]}
    else:
        result = {'protocol_version': 1, 'groups': []}
    print(json.dumps({'jsonrpc': '2.0', 'id': message['id'], 'result': result}), flush=True)
`

// TestLockedDown: as a user without rights, with a read-only root file system and a /tmp from which nothing can be run, plugins of
// each runtime run, and Python leaves no compiled files.
func TestLockedDown(t *testing.T) {
	t.Parallel()
	python := "/usr/bin/python3" // one that any user can read
	if _, err := os.Stat(python); err != nil {
		t.Skip("there is no " + python)
	}
	dir := t.TempDir()
	seeds, name := brokers(t), site(t)
	place := func(mode os.FileMode, path, text string) {
		write(t, filepath.Join(dir, path), text)
		require.NoError(t, os.Chmod(filepath.Join(dir, path), mode))
	}
	program, err := os.ReadFile(binary(t, "panoptes-otelcol"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "panoptes-otelcol"), program, 0o755))
	place(0o644, "config.yaml", fmt.Sprintf(lockedYAML, seeds, name, python))
	place(0o644, "resources.json", fmt.Sprintf(`[{"resource_site": %q, "resource_class": "c", "resource_subclass": "s", "resource_type": "t",
		"resource_id": "one", "resource_endpoint": "localhost", "resource_plugin": "p", "resource_creation_timestamp": 1512629517.03}]`, name))
	plugin := func(path, module, more string) {
		place(0o644, path, fmt.Sprintf("[Core]\nName = %s\nModule = %s\n[Documentation]\nVersion = 1\n[main]\nexecute_frequency = 1\n"+
			"resource_filter = resource_class = \"c\"\n%s", module, module, more))
	}
	plugin("python/locked.panoptes-plugin", "locked", "sys_path = plugin\n")
	place(0o644, "python/locked.py", lockedModule)
	place(0o644, "python/helper.py", "YES = 1\n")
	plugin("programs/process/speaks.panoptes-plugin", "speaks", "")
	place(0o755, "programs/process/speaks", fmt.Sprintf(lockedProcess, python))
	plugin("programs/exec/says.panoptes-plugin", "says", "runtime = exec\n")
	place(0o755, "programs/exec/says", "#!/bin/sh\necho \"{\\\"type\\\":\\\"exec\\\",\\\"dimensions\\\":{\\\"uid\\\":\\\"$(id -u)\\\"},\\\"gauges\\\":{\\\"n\\\":1}}\"\n")
	if os.Getuid() == 0 {
		for _, path := range []string{"python", "python/locked.panoptes-plugin", "python/locked.py", "python/helper.py"} {
			require.NoError(t, os.Chown(filepath.Join(dir, path), nobody, nobody))
		}
	}

	collector := locked(t, dir)
	groups := consume(t, seeds, name+"-processed")
	missing := map[string]bool{"python": true, "process": true, "exec": true}
	groups.until(t, "a group of each runtime", func(r *kgo.Record) bool {
		group := string(r.Value)
		for kind := range missing {
			if strings.Contains(group, `"metrics_group_type": "`+kind+`"`) {
				delete(missing, kind)
				assert.Contains(t, group, fmt.Sprintf(`"dimension_value": "%d"`, nobody))
			}
		}
		if strings.Contains(group, "writes_root") {
			for name, written := range map[string]int{"root": 0, "beside": 1, "temporary": 1} {
				assert.Regexp(t, fmt.Sprintf(`"metric_name": "writes_%s", "metric_value": %d,`, name, written), group)
			}
		}
		return len(missing) == 0
	})
	assert.NotContains(t, collector.output(), "Traceback")
	roots := []string{filepath.Join(dir, "python")}
	if os.Getuid() == 0 { // another user may not look there
		roots = append(roots, fmt.Sprintf("/proc/%d/root/tmp", collector.cmd.Process.Pid))
	}
	for _, root := range roots {
		require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			assert.NotContains(t, path, ".pyc")
			assert.NotEqual(t, "__pycache__", d.Name(), path)
			return err
		}))
	}
}
