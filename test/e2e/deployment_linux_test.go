//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.yaml.in/yaml/v3"
)

// TestSystemdUnit has systemd check the unit, where it is there, and the Collector the configuration beside it.
func TestSystemdUnit(t *testing.T) {
	needsNoKafka(t)
	dir := t.TempDir()
	text, err := os.ReadFile("../../deploy/systemd/collector.yaml")
	require.NoError(t, err)
	config := strings.ReplaceAll(string(text), "/var/lib/panoptes-otelcol", dir)
	write(t, filepath.Join(dir, "collector.yaml"), config)
	unit, err := os.ReadFile("../../deploy/systemd/panoptes-otelcol.service")
	require.NoError(t, err)
	const program = "/usr/local/bin/panoptes-otelcol"
	_, command, found := strings.Cut(string(unit), "\nExecStart="+program+" ")
	require.True(t, found)
	command, _, _ = strings.Cut(command, "\n")
	args := strings.Fields(strings.ReplaceAll(command, "/etc/panoptes-otelcol", dir))
	t.Setenv("KAFKA_PASSWORD", "secret")
	out, err := exec.Command(binary(t, "panoptes-otelcol"), append([]string{"validate"}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("the unit itself is not checked: there is no systemd-analyze")
	}
	there := strings.ReplaceAll(string(unit), program, binary(t, "panoptes-otelcol"))
	write(t, filepath.Join(dir, "panoptes-otelcol.service"), there)
	out, err = exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, "panoptes-otelcol.service")).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "panoptes-otelcol.service:")
}

// manifests are the objects of deploy/kubernetes, by kind and name.
func manifests(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("../../deploy/kubernetes/*.yaml")
	require.NoError(t, err)
	objects := map[string]map[string]any{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
			var object map[string]any
			if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, file)
			objects[object["kind"].(string)+" "+at(t, object, "metadata", "name").(string)] = object
		}
	}
	return objects
}

// at follows names of fields, and indexes of lists.
func at(t *testing.T, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			require.Contains(t, value, step)
			value = value.(map[string]any)[step]
		case int:
			value = value.([]any)[step]
		}
	}
	return value
}

// volume is a folder in which files come as those of a ConfigMap or a Secret do in Kubernetes: links to ..data, which is
// a link to the version that counts.
type volume struct {
	dir, version string
	mode         os.FileMode
}

// publish replaces the files by others at once, and removes the old version.
func (v *volume) publish(t *testing.T, version string, files map[string]string) {
	t.Helper()
	name := "..2026_" + version
	for path, content := range files {
		write(t, filepath.Join(v.dir, name, path), content)
		require.NoError(t, os.Chmod(filepath.Join(v.dir, name, path), v.mode))
	}
	require.NoError(t, os.Symlink(name, filepath.Join(v.dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(v.dir, "..data_tmp"), filepath.Join(v.dir, "..data")))
	for path := range files {
		top, _, _ := strings.Cut(path, "/")
		if err := os.Symlink(filepath.Join("..data", top), filepath.Join(v.dir, top)); !errors.Is(err, os.ErrExist) {
			require.NoError(t, err)
		}
	}
	if v.version != "" {
		require.NoError(t, os.RemoveAll(filepath.Join(v.dir, v.version)))
	}
	v.version = name
}

// mount shows the volume at a path as a container sees it: in a folder that everybody could write to, if it were not mounted
// read-only. Where the test may not mount, the volume lies at the path itself, and only its owner can write to it.
func (v *volume) mount(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(v.dir, 0o755))
	require.NoError(t, os.MkdirAll(path, 0o755))
	if err := syscall.Mount(v.dir, path, "", syscall.MS_BIND, ""); err != nil {
		t.Logf("the volume is not mounted read-only: %v", err)
		v.dir = path
		return
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(path, syscall.MNT_DETACH)) })
	require.NoError(t, syscall.Mount("", path, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	require.NoError(t, os.Chmod(v.dir, 0o777))
}

func texts(data any) map[string]string {
	out := map[string]string{}
	for k, v := range data.(map[string]any) {
		out[k] = v.(string)
	}
	return out
}

// TestKubernetes runs what deploy/kubernetes describes as Kubernetes would: files as volumes have them, of root and not to be
// written, under a user who is not root where the test may choose, with the container's arguments, environment and probes.
func TestKubernetes(t *testing.T) {
	needsNoKafka(t)
	objects := manifests(t)
	pod := at(t, objects["StatefulSet panoptes-otelcol"], "spec", "template", "spec")
	container := at(t, pod, "containers", 0)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(4),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "panoptes", "hush"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)

	root := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o755))
	mounted := func(path string) string { return filepath.Join(root, path) }
	state := mounted("var/lib/panoptes-otelcol")
	require.NoError(t, os.MkdirAll(state, 0o755))
	ports := map[string]string{"13133": fmt.Sprint(freePort(t)), "13134": fmt.Sprint(freePort(t)), "8888": fmt.Sprint(freePort(t))}
	replaced := []string{"/etc/panoptes", mounted("etc/panoptes"), "/var/lib/panoptes-otelcol", state, "kafka:9092", cluster.ListenAddrs()[0]}
	for documented, free := range ports {
		replaced = append(replaced, documented, free)
	}
	here := strings.NewReplacer(replaced...)

	data := func(name string) map[string]string { return texts(at(t, objects["ConfigMap "+name], "data")) }
	config := data("panoptes-otelcol")
	// Changes must show at once, and the status page of another test may be on its port.
	config["collector.yaml"] = strings.NewReplacer("panoptes_status:\n", fmt.Sprintf("panoptes_status: {endpoint: 127.0.0.1:%d}\n", freePort(t)),
		"directories: [/etc/panoptes/plugins]", "directories: [/etc/panoptes/plugins], settle: 200ms").Replace(config["collector.yaml"])
	config["collector.yaml"] = here.Replace(config["collector.yaml"])
	(&volume{dir: mounted("etc/panoptes-otelcol"), mode: 0o444}).publish(t, "1", config)
	plugins := data("panoptes-plugins")
	plugins["answer.py"] = strings.Replace(plugins["answer.py"], "every=60", "every=1", 1)
	pluginVolume := &volume{dir: mounted("kubelet/plugins"), mode: 0o444}
	pluginVolume.mount(t, mounted("etc/panoptes/plugins"))
	pluginVolume.publish(t, "1", plugins)
	(&volume{dir: mounted("etc/panoptes/resources"), mode: 0o644}).publish(t, "1", data("panoptes-resources"))
	item := at(t, pod, "volumes", 3, "secret", "items", 0).(map[string]any)
	require.Contains(t, at(t, objects["Secret panoptes-otelcol"], "stringData"), item["key"])
	(&volume{dir: mounted("etc/panoptes/secrets"), mode: 0o444}).publish(t, "1", map[string]string{item["path"].(string): "hush"})

	var args []string
	for _, a := range at(t, container, "args").([]any) {
		args = append(args, here.Replace(a.(string)))
	}
	t.Setenv("POD_IP", "127.0.0.1")
	t.Setenv("KAFKA_PASSWORD", "hush")
	out, err := exec.Command(binary(t, "panoptes"), append([]string{"validate"}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "valid: 1 plugin, 1 resource, 0 warnings\n", string(out))

	p := &process{done: make(chan struct{})}
	p.cmd = exec.Command(binary(t, "panoptes-otelcol"), args...)
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "POD_IP=127.0.0.1", "KAFKA_PASSWORD=hush", "GOMEMLIMIT=512MiB", "TMPDIR=" + state}
	p.cmd.Dir = "/"
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		id := uint32(at(t, pod, "securityContext", "runAsUser").(int))
		p.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: id, Gid: id}
		require.NoError(t, os.Chown(state, int(id), int(id)))
		copied := filepath.Join(root, "panoptes-otelcol") // the folders above the program may be closed to that user
		program, err := os.ReadFile(p.cmd.Path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied, program, 0o755))
		p.cmd.Path = copied
	}
	p.run(t)

	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		get := at(t, container, probe, "httpGet").(map[string]any)
		port := ""
		for _, declared := range at(t, container, "ports").([]any) {
			if at(t, declared, "name") == get["port"] {
				port = ports[fmt.Sprint(at(t, declared, "containerPort"))]
			}
		}
		waitFor(t, probe, func() (bool, string) {
			resp, err := http.Get("http://127.0.0.1:" + port + get["path"].(string))
			if err != nil {
				return false, err.Error()
			}
			defer resp.Body.Close()
			return resp.StatusCode == http.StatusOK, resp.Status
		})
	}
	resp, err := http.Get("http://127.0.0.1:" + ports["8888"] + "/metrics")
	require.NoError(t, err)
	resp.Body.Close()

	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("dc1-processed"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.SASL(scram.Auth{User: "panoptes", Pass: "hush"}.AsSha512Mechanism()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	kafka := &consumer{client}
	kafka.until(t, "a group of the plugin", hasMetric(t, "up"))

	// A new version of the ConfigMap takes effect.
	plugins["answer.py"] = strings.Replace(plugins["answer.py"], "gauge('up'", "gauge('answers'", 1)
	pluginVolume.publish(t, "2", plugins)
	kafka.until(t, "a group of the changed plugin", hasMetric(t, "answers"))
	require.NoError(t, p.stop(t, syscall.SIGTERM))
}

func hasMetric(t *testing.T, name string) func(*kgo.Record) bool {
	return func(r *kgo.Record) bool {
		var group struct {
			Metrics []struct {
				Name string `json:"metric_name"`
			}
		}
		require.NoError(t, json.Unmarshal(r.Value, &group))
		for _, m := range group.Metrics {
			if m.Name == name {
				return true
			}
		}
		return false
	}
}
