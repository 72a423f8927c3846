package deploy

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// deployments are what is applied together: one Collector, and those that share a fleet.
var deployments = map[string][]string{
	"one":          {"configuration.yaml", "panoptes-otelcol.yaml"},
	"fleet/static": {"configuration.yaml", "fleet/static.yaml"},
	"fleet/group":  {"configuration.yaml", "fleet/group.yaml"},
}

// each tests every deployment.
func each(t *testing.T, test func(t *testing.T, m *manifests)) {
	t.Helper()
	t.Parallel()
	for name, files := range deployments {
		t.Run(name, func(t *testing.T) { test(t, read(t, files)) })
	}
}

// manifests are objects of deploy/kubernetes, read strictly: a field that Kubernetes does not know, or that is there
// twice, is an error.
type manifests struct {
	configMaps map[string]corev1.ConfigMap
	secrets    map[string]corev1.Secret
	services   map[string]corev1.Service
	budget     policyv1.PodDisruptionBudget
	set        appsv1.StatefulSet
}

// config is the Collector's configuration that the pod mounts.
func (m *manifests) config() string {
	for _, v := range m.set.Spec.Template.Spec.Volumes {
		if v.Name == "configuration" {
			return m.configMaps[v.ConfigMap.Name].Data["collector.yaml"]
		}
	}
	return ""
}

func read(t *testing.T, files []string) *manifests {
	t.Helper()
	m := &manifests{configMaps: map[string]corev1.ConfigMap{}, secrets: map[string]corev1.Secret{}, services: map[string]corev1.Service{}}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join("kubernetes", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range regexp.MustCompile(`(?m)^---\n`).Split(string(data), -1) {
			m.add(t, file, []byte(document))
		}
	}
	if m.set.Name == "" {
		t.Fatal("no StatefulSet")
	}
	return m
}

func (m *manifests) add(t *testing.T, file string, document []byte) {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	err := yaml.Unmarshal(document, &head)
	switch head.APIVersion + " " + head.Kind {
	case "v1 ConfigMap":
		var o corev1.ConfigMap
		err = yaml.UnmarshalStrict(document, &o)
		m.configMaps[o.Name] = o
	case "v1 Secret":
		var o corev1.Secret
		err = yaml.UnmarshalStrict(document, &o)
		m.secrets[o.Name] = o
	case "v1 Service":
		var o corev1.Service
		err = yaml.UnmarshalStrict(document, &o)
		m.services[o.Name] = o
	case "policy/v1 PodDisruptionBudget":
		err = yaml.UnmarshalStrict(document, &m.budget)
	case "apps/v1 StatefulSet":
		err = yaml.UnmarshalStrict(document, &m.set)
	default:
		t.Errorf("%s: unknown object %+v", file, head)
	}
	if err != nil {
		t.Errorf("%s, %s: %v", file, head.Kind, err)
	}
}

// TestManifestsFitTogether: each name that one object has of another is there, and what selects pods selects these.
func TestManifestsFitTogether(t *testing.T) { each(t, manifestsFitTogether) }

func manifestsFitTogether(t *testing.T, m *manifests) {
	t.Helper()
	pod := m.set.Spec.Template
	service, ok := m.services[m.set.Spec.ServiceName]
	if !ok {
		t.Errorf("there is no service %q", m.set.Spec.ServiceName)
	}
	for _, selector := range []map[string]string{m.set.Spec.Selector.MatchLabels, service.Spec.Selector} {
		for k, v := range selector {
			if pod.Labels[k] != v || len(selector) == 0 {
				t.Errorf("label %s=%s is not the pod's: %v", k, v, pod.Labels)
			}
		}
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
		if v.ConfigMap != nil {
			if _, ok := m.configMaps[v.ConfigMap.Name]; !ok {
				t.Errorf("volume %s: there is no ConfigMap %q", v.Name, v.ConfigMap.Name)
			}
		}
		if v.Secret != nil {
			for _, item := range v.Secret.Items {
				if _, ok := m.secrets[v.Secret.SecretName].StringData[item.Key]; !ok {
					t.Errorf("volume %s: secret %q has no key %q", v.Name, v.Secret.SecretName, item.Key)
				}
			}
		}
	}
	for _, claim := range m.set.Spec.VolumeClaimTemplates {
		volumes[claim.Name] = true
	}
	container := pod.Spec.Containers[0]
	mounted := map[string]bool{}
	for _, mount := range container.VolumeMounts {
		mounted[mount.Name] = true
		if !volumes[mount.Name] {
			t.Errorf("there is no volume %q to mount", mount.Name)
		}
	}
	if len(mounted) != len(volumes) {
		t.Errorf("volumes %v, mounted are %v", volumes, mounted)
	}
	for _, p := range service.Spec.Ports {
		checkPort(t, container, p.TargetPort)
	}
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		checkPort(t, container, probe.HTTPGet.Port)
	}
	for _, e := range container.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			ref := e.ValueFrom.SecretKeyRef
			if _, ok := m.secrets[ref.Name].StringData[ref.Key]; !ok {
				t.Errorf("variable %s: secret %q has no key %q", e.Name, ref.Name, ref.Key)
			}
		}
	}
}

func checkPort(t *testing.T, container corev1.Container, port intstr.IntOrString) {
	t.Helper()
	if !slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.Name == port.StrVal }) {
		t.Errorf("the container has no port %q", port.StrVal)
	}
}

// TestCollectorFindsWhatIsMounted: paths, variables and ports of the Collector's configuration are those of the container.
func TestCollectorFindsWhatIsMounted(t *testing.T) { each(t, collectorFindsWhatIsMounted) }

func collectorFindsWhatIsMounted(t *testing.T, m *manifests) {
	t.Helper()
	container := m.set.Spec.Template.Spec.Containers[0]
	config := m.config()
	writable := map[string]bool{}
	for _, mount := range container.VolumeMounts {
		writable[mount.MountPath] = !mount.ReadOnly
	}
	paths := regexp.MustCompile(`/(?:etc|var)/[\w/-]+`).FindAllString(config+" "+strings.Join(container.Args, " "), -1)
	if len(paths) < 4 {
		t.Fatalf("paths %v", paths)
	}
	for _, p := range paths {
		at := p
		for at != "/" {
			if _, ok := writable[at]; ok {
				break
			}
			at = path.Dir(at)
		}
		if write, ok := writable[at]; !ok || write != strings.HasPrefix(p, "/var/") {
			t.Errorf("%s: mounted is %q, to be written %t", p, at, write)
		}
	}
	for _, match := range regexp.MustCompile(`\$\{env:(\w+)\}`).FindAllStringSubmatch(config, -1) {
		if !slices.ContainsFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == match[1] }) {
			t.Errorf("the container has no variable %s", match[1])
		}
	}
	for _, p := range container.Ports {
		if !regexp.MustCompile(`\b` + strconv.Itoa(int(p.ContainerPort)) + `\b`).MatchString(config) {
			t.Errorf("the Collector does not listen on port %d", p.ContainerPort)
		}
	}
}

// TestPodIsRestricted holds the pod to Kubernetes' Pod Security Standard "restricted", and to a root file system that cannot
// be written to.
func TestPodIsRestricted(t *testing.T) { each(t, podIsRestricted) }

func podIsRestricted(t *testing.T, m *manifests) {
	t.Helper()
	spec := m.set.Spec.Template.Spec
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	for rule, holds := range map[string]bool{
		"not root":            is(spec.SecurityContext.RunAsNonRoot, true) && *spec.SecurityContext.RunAsUser != 0,
		"seccomp":             spec.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"no API":              is(spec.AutomountServiceAccountToken, false),
		"no host":             !spec.HostNetwork && !spec.HostPID && !spec.HostIPC,
		"time to shut down":   *spec.TerminationGracePeriodSeconds >= 30,
		"files of the volume": *spec.SecurityContext.FSGroup == *spec.SecurityContext.RunAsUser,
	} {
		if !holds {
			t.Errorf("rule %q does not hold", rule)
		}
	}
	for _, c := range spec.Containers {
		s := c.SecurityContext
		for rule, holds := range map[string]bool{
			"no escalation":  is(s.AllowPrivilegeEscalation, false) && !is(s.Privileged, true),
			"read-only root": is(s.ReadOnlyRootFilesystem, true),
			"capabilities":   slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(s.Capabilities.Add) == 0,
			"resources":      !c.Resources.Limits.Memory().IsZero() && !c.Resources.Requests.Cpu().IsZero() && !c.Resources.Requests.Memory().IsZero(),
		} {
			if !holds {
				t.Errorf("container %s: rule %q does not hold", c.Name, rule)
			}
		}
	}
}

// TestFleetIsShared: more than one Collector needs shares, of which all components know, and only shares let there be more.
func TestFleetIsShared(t *testing.T) { each(t, fleetIsShared) }

func fleetIsShared(t *testing.T, m *manifests) {
	t.Helper()
	var config struct {
		Extensions map[string]struct {
			Static *struct{ Count string }
			Group  *struct{ Name string }
		}
		Receivers, Processors map[string]struct{ Sharding string }
	}
	if err := yaml.Unmarshal([]byte(m.config()), &config); err != nil {
		t.Fatal(err)
	}
	shards, shared := config.Extensions["panoptes_shards"]
	replicas := int(*m.set.Spec.Replicas)
	if shared != (replicas > 1) {
		t.Fatalf("%d replicas, shares %t", replicas, shared)
	}
	if !shared {
		return
	}
	if a, b := config.Receivers["panoptes"].Sharding, config.Processors["panoptes_rate"].Sharding; a != "panoptes_shards" || b != a {
		t.Errorf("sharding of the receiver is %q, of the processor %q", a, b)
	}
	if shards.Static != nil {
		count := ""
		for _, e := range m.set.Spec.Template.Spec.Containers[0].Env {
			if shards.Static.Count == "${env:"+e.Name+"}" {
				count = e.Value
			}
		}
		if count != strconv.Itoa(replicas) {
			t.Errorf("%s Collectors share the fleet, %d run", count, replicas)
		}
	}
	for k, v := range m.budget.Spec.Selector.MatchLabels {
		if m.set.Spec.Template.Labels[k] != v {
			t.Errorf("the budget is for pods with %s=%s", k, v)
		}
	}
	if m.budget.Spec.MaxUnavailable == nil || m.budget.Spec.MaxUnavailable.IntValue() != 1 {
		t.Error("more than one Collector may be away at a time")
	}
}
