package panoptesreceiver

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/targets"
)

func load(t *testing.T, name string) (*Config, error) {
	t.Helper()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	id := component.MustNewID("panoptes")
	if name != "" {
		id = component.MustNewIDWithName("panoptes", name)
	}
	require.True(t, all.IsSet(id.String()), "testdata/config.yaml has no %s", id)
	conf, err := all.Sub(id.String())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, "")
	require.NoError(t, err)
	want := createDefaultConfig().(*Config)
	want.Plugins.Directories = []DirectoryConfig{{Path: "./plugins"}}
	assert.Equal(t, want, cfg)
	assert.Equal(t, 2*time.Second, cfg.Plugins.Settle)
	assert.Equal(t, time.Minute, cfg.Plugins.ScanInterval)
	assert.Equal(t, time.Minute, cfg.Resources.ScanInterval)
	assert.Equal(t, 256, cfg.MaxConcurrentRuns)
	assert.Equal(t, PythonConfig{Interpreter: "python3", MaxRuns: 10000, MaxMemoryMiB: 256, Isolation: "shared"}, cfg.Python)
	assert.Equal(t, EmitConfig{MaxDelay: 200 * time.Millisecond, MaxPoints: 8192}, cfg.Emit)
	assert.Equal(t, StatusConfig{FailingShare: 0.5, Window: 5 * time.Minute}, cfg.Status)
	assert.False(t, cfg.PollingStatus)
	assert.True(t, cfg.ServiceIdentity)
}

// TestOptionsOfDirectories: of the directories that a plugin file is in the innermost one counts, and what others stand for can be
// imported as well.
func TestOptionsOfDirectories(t *testing.T) {
	t.Parallel()
	config := PluginsConfig{Directories: []DirectoryConfig{
		{Path: "/p", Python: DirectoryPythonConfig{Interpreter: "outer"}, Package: "a.b"},
		{Path: "/p/q", Python: DirectoryPythonConfig{Interpreter: "inner"}},
		{Path: "relative", Package: "c"},
	}}
	working, err := os.Getwd()
	require.NoError(t, err)
	ab, c := plugin.Package{Name: "a.b", Folder: "/p"}, plugin.Package{Name: "c", Folder: filepath.Join(working, "relative")}
	for path, want := range map[string]plugin.OpenOptions{
		"/p/x":         {Python: plugin.PythonEnv{Interpreter: "outer"}, Packages: []plugin.Package{ab, c}},
		"/p/qq/x":      {Python: plugin.PythonEnv{Interpreter: "outer"}, Packages: []plugin.Package{ab, c}},
		"/p/q/x":       {Python: plugin.PythonEnv{Interpreter: "inner"}, Packages: []plugin.Package{ab, c}},
		"/pp/x":        {Packages: []plugin.Package{ab, c}},
		"relative/y/x": {Packages: []plugin.Package{c, ab}},
	} {
		assert.Equal(t, want, config.OpenOptions(path), path)
	}
}

func TestEverySetting(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, "all")
	require.NoError(t, err)
	sharding := component.MustNewIDWithName("panoptes_shards", "fleet")
	storage := component.MustNewIDWithName("file_storage", "plugins")
	redis := component.MustNewIDWithName("panoptes_redis", "site")
	httpClient := confighttp.NewDefaultClientConfig()
	httpClient.Timeout = 10 * time.Second
	kafkaClient := configkafka.NewDefaultClientConfig()
	kafkaClient.Brokers, kafkaClient.Metadata.Full = []string{"kafka:9092"}, false
	assert.Equal(t, &Config{
		Plugins: PluginsConfig{
			Directories: []DirectoryConfig{
				{Path: "./plugins"},
				{Path: "/opt/plugins", Python: DirectoryPythonConfig{Interpreter: "/opt/venv", MaxWorkers: 3, MaxRuns: 50, MaxMemoryMiB: 64}},
				{Path: "/opt/more", Python: DirectoryPythonConfig{Interpreter: "python3.12"}, Package: "yahoo_panoptes.plugins.polling.napalm"},
			}, Settle: time.Second, ScanInterval: 2 * time.Minute,
			Overrides: []OverrideConfig{
				{
					Plugin: "Tutorial Plugin", Resources: `resource_site = "dc1"`, ExecuteFrequency: 30 * time.Second, Timeout: 10 * time.Second,
					Config: map[string]map[string]any{"main": {"count": 3}},
				},
				{Plugin: "*", ResourceFilter: `resource_class = "network"`},
			},
			Pins: map[string]string{"Tutorial Plugin": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		},
		Resources: ResourcesConfig{
			Files: []string{"./conf/*.json", "/etc/panoptes/resources.json"}, ScanInterval: 30 * time.Second,
			Filter: `resource_site IN ("dc1", "dc2")`, Sample: 0.5, MaxShrink: 0.8,
			Inline: []map[string]any{{
				"resource_site": "dc1", "resource_class": "network", "resource_subclass": "switch", "resource_type": "t", "resource_id": "a",
				"resource_endpoint": "10.0.0.1", "resource_metadata": map[string]any{"os": "x"},
			}},
			HTTP: []HTTPConfig{{URL: "https://cmdb/resources", Interval: 5 * time.Minute, MaxSize: 1000, FollowOtherHosts: true, Client: httpClient}},
			FileSD: []FileSDConfig{{
				Files: []string{"/etc/prometheus/targets/*.yml"}, Labels: targets.Labels{Site: "datacenter"}, Defaults: DefaultsConfig{Class: "network"},
			}},
			HTTPSD: []HTTPSDConfig{{
				Server: HTTPConfig{
					URL: "https://netbox/api/plugins/prometheus-sd/devices/", Interval: time.Minute, MaxSize: 64 << 20, Client: httpClient,
				},
				Labels: targets.Labels{ID: "__meta_netbox_name"},
			}},
			Discovery: []component.ID{component.MustNewIDWithName("panoptes_discovery", "dc1")},
			Kafka:     &KafkaConfig{Topics: []string{"dc1-resources"}, Publish: true, Client: kafkaClient},
			Publish:   &PublishConfig{Interval: 2 * time.Minute, Client: kafkaClient},
		},
		Storage:           &storage,
		Redis:             &redis,
		Sharding:          &sharding,
		MaxConcurrentRuns: 16,
		Limits:            LimitsConfig{PerResource: 2, PerEndpoint: 4, PerPlugin: 8, Dimensions: 256},
		Breaker:           BreakerConfig{Failures: 5, Backoff: 30 * time.Second, MaxBackoff: 5 * time.Minute},
		Python:            PythonConfig{Interpreter: "/usr/bin/python3", MaxWorkers: 2, MaxRuns: 100, MaxMemoryMiB: 32, RuntimeDir: "/run/panoptes", Isolation: "plugin", Environment: []string{"HTTPS_PROXY"}},
		Processes: ProcessesConfig{
			MaxExec: 4, PerPlugin: 2, Environment: []string{"HTTPS_PROXY"}, RunAs: "nobody", NoNewPrivs: true, Dumpable: true,
			Limits: ProcessLimitsConfig{MemoryMiB: 256, CPU: time.Minute, OpenFiles: 64, Processes: 100},
		},
		Context: ContextConfig{
			Sites: []string{"dc1", "dc2"},
			SNMP: SNMPConfig{
				ConnectionFactoryModule: "my.module", ConnectionFactoryClass: "MyFactory", Community: "secret", Timeout: 7,
				Retries: 2, NonRepeaters: 1, MaxRepetitions: 10, Port: 1161, ProxyPort: 1162, CommunityStringKey: "key",
				Credentials: []SNMPCredentialsConfig{
					{
						Resources: `resource_class = "network"`, Version: "3", User: "panoptes", Auth: "sha256", AuthSecret: "snmp_auth",
						Priv: "aes", PrivSecret: "snmp_priv", Context: "vrf1",
					},
					{Version: "2c", Community: "snmp_community_string"},
				},
				InFlight: 4, PacketsPerSecond: 50.5, MaxInFlight: 100, SourceAddress: []string{"192.0.2.1", "2001:db8::1"},
				AnySource: `resource_subclass = "firewall"`,
			},
			X509: X509Config{
				CertLocation: "/certs", CertFilename: "a.pem", KeyLocation: "/keys", KeyFilename: "a.key", SecuredRequests: 1,
			},
		},
		Secrets: SecretsConfig{Directory: "./secrets"},
		Emit:    EmitConfig{MaxDelay: time.Second, MaxPoints: 100},
		Status:  StatusConfig{FailingShare: 0.25, Window: 10 * time.Minute},

		PollingStatus: true,
	}, cfg)
	assert.Equal(t, map[string]any{
		"connection_factory_module": "my.module", "connection_factory_class": "MyFactory", "community": "public", "timeout": 7,
		"retries": 2, "non_repeaters": 1, "max_repetitions": 10, "port": 1161, "proxy_port": 1162, "community_string_key": "key",
	}, cfg.Context.SNMP.values())
	assert.Equal(t, map[string]any{
		"x509_cert_location": "/certs", "x509_cert_filename": "a.pem", "x509_key_location": "/keys", "x509_key_filename": "a.key",
		"x509_secured_requests": 1,
	}, cfg.Context.X509.values())
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"no_directory":    `plugins: directories must name at least one directory`,
		"empty_directory": "plugins::directories::0: path must not be empty\nplugins::directories::1: path must not be empty",
		"directory_twice": `plugins: directories has "plugins/" twice, the second time as entry 2`,
		"bad_plugins":     "plugins: settle must not be negative, is -1s\nscan_interval must be at least 1s, is 10ms",
		"bad_resources": "resources: files must not have an empty path\n" +
			`files has a bad pattern "a[": syntax error in pattern` + "\n" +
			`inline: resources[0] ("a") is left out: resource_endpoint must be a non-empty string` + "\n" +
			"discovery has \"panoptes_discovery\" twice\n" +
			"scan_interval must be at least 1s, is 0s\n" +
			"max_shrink must be between 0 and 1, is 1.5\n" +
			"sample must be greater than 0 and at most 1, is 2\n" +
			"resources::http::0: url must be an http or https URL with a host\ninterval must be at least 1s, is 0s\n" +
			"max_size must be between 1 and 268435456 bytes, is 0\nclient::endpoint has no effect: url says where the server is; remove it\n" +
			"resources::file_sd::0: files must name at least one file\n" +
			"resources::file_sd::1: files has a bad pattern \"[\": syntax error in pattern\nfiles must not have an empty path\n" +
			"resources::file_sd::1::labels: resource_site must be the name of a label, is \"a b\"\n" +
			"resources::http_sd::0::server: url must be an http or https URL with a host\ninterval must be at least 1s, is 1ms\n" +
			"resources::http_sd::0::labels: resource_id must be the name of a label, is \"9\"\n" +
			"resources::kafka: topics must name at least one topic, such as dc1-resources\n" +
			"auth::kerberos::service_name is required: mostly it is kafka\n" +
			"auth::kerberos::username is required\n" +
			"auth::kerberos needs keytab_file or password\n" +
			"resources::publish: interval must be at least 1s, is 0s",
		"bad_overrides": "plugins: overrides::0: plugin must be the Name of a plugin, or \"*\" for all\n" +
			"execute_frequency must be a whole number of seconds greater than zero, with its unit, as in 5s; is 1.5s\n" +
			"overrides::1: resources \"resource_site\": column 14: found the end of the filter, expected =, !=, LIKE, IN, NOT LIKE or NOT IN\n" +
			"resource_filter \"resource_id = x\": column 15: found \"x\", expected a value in double quotes (write \"x\")\n" +
			"overrides::2: config::main::list: it must be a string, a number, true or false\n" +
			"overrides::3: it changes nothing: give execute_frequency, timeout, resource_filter or config\n" +
			"overrides::4: config cannot change the section \"transforms\": edit the plugin file",
		"bad_limits": "max_concurrent_runs must be at least 1, is 0\n" +
			"limits: per_resource must be at least 0, is -1\nper_endpoint must be at least 0, is -1\nper_plugin must be at least 0, is -1\ndimensions must be between 1 and 4096, is 0\n" +
			"breaker: failures must be between 0 and 1000, is -1\nbackoff must be at least 1s, is 0s\n" +
			"max_backoff must be between backoff (0s) and 24h, is 25h0m0s\n" +
			"python: interpreter must not be empty\nisolation must be \"shared\" or \"plugin\", is \"none\"\n" +
			"environment has \"PYTHONPATH\", which interpreters ignore: they are started isolated (-I); have what plugins import in a virtual environment, and name that as the interpreter\n" +
			"environment must have names of variables, has \"A=b\"\nmax_workers must be between 0 and 1024, is -1\nmax_runs must be at least 1, is 0\nmax_memory_mib must be at least 16, is 1\n" +
			"emit: max_delay must be greater than zero, is 0s\nmax_points must be at least 1, is 0\n" +
			"status: failing_share must be between 0 and 1, is 1.5\nwindow must be between 10s and 24h0m0s, is 1s",
		"bad_processes": "plugins: pins: SHA-256 of \"X\" must have 64 hex digits, is \"12ab\"\n" +
			"processes: max_exec must be between 1 and 4096, is 0\nper_plugin must be between 1 and 1024, is 0\n" +
			"environment must have names of variables, has \"A=b\"\n" +
			"processes::limits: cpu must be whole seconds, is 1.5s\nopen_files must be 0, or at least 16, is 3",
		"bad_context": "context: sites must not have an empty name\nsites has \"dc1\" twice\n" +
			"context::snmp: connection_factory_module must not be empty\nconnection_factory_class must not be empty\n" +
			"community_string_key must not be empty\ntimeout must be between 1 and 120, is 121\n" +
			"retries must be between 1 and 10, is 0\nnon_repeaters must be at least 0, is -1\n" +
			"max_repetitions must be at least 1, is 0\nport must be between 1 and 65535, is 0\n" +
			"proxy_port must be between 1 and 65535, is 70000\n" +
			"in_flight must be between 1 and 1000, is 0\nmax_in_flight must be between 1 and 1048576, is 0\n" +
			"packets_per_second must not be negative, is -1\n" +
			"any_source \"x\": column 1: found \"x\", expected a field, NOT or \"(\" (fields are resource_site, resource_class, resource_subclass, resource_type, resource_id, resource_endpoint and resource_metadata.KEY)\n" +
			"source_address \"x\" is no IP address\n" +
			"source_address must have at most one address of IPv4 and one of IPv6, has [\"x\" \"192.0.2.1\" \"192.0.2.2\"]\n" +
			"context::snmp::credentials::0: unknown version \"4\" of SNMP: expected 1, 2c or 3\n" +
			"unknown authentication \"sha3\": expected one of [\"none\" \"md5\" \"sha\" \"sha224\" \"sha256\" \"sha384\" \"sha512\"]\n" +
			"unknown encryption \"3des\": expected one of [\"none\" \"des\" \"aes\" \"aes192\" \"aes256\" \"aes192c\" \"aes256c\"]\n" +
			"resources \"resource_clas\": column 1: found \"resource_clas\", expected a field, NOT or \"(\" (did you mean resource_class? fields are resource_site, resource_class, resource_subclass, resource_type, resource_id, resource_endpoint and resource_metadata.KEY)\n" +
			"context::snmp::credentials::1: community has no meaning: remove it, or set what it is for (it is for version 1 or 2c)\n" +
			"user must not be empty with version 3\n" +
			"context::x509: x509_secured_requests must be between 0 and 2, is 3",
		"unknown_keys": `colour: unknown key, expected one of ["breaker" "context" "emit" "limits" "max_concurrent_runs" "plugins" "polling_status" "processes" "python" "redis" "resources" "secrets" "service_identity" "sharding" "status" "storage"]
context.snmp.comunity: unknown key, did you mean "community"?
emit.delay: unknown key, did you mean "max_delay"?
plugin: unknown key, did you mean "plugins"?
plugins.directories[0].pth: unknown key, did you mean "path"?
plugins.directory: unknown key, did you mean "directories"?
python.workers: unknown key, did you mean "max_workers"?
resources.filters: unknown key, did you mean "filter"?`,
		"later_keys": `plugins.inline: unknown key, expected one of ["directories" "overrides" "pins" "scan_interval" "settle"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, name)
			require.Error(t, err)
			// What the Collector puts before an error of Unmarshal.
			assert.Equal(t, want, strings.TrimPrefix(err.Error(), "decoding failed due to the following error(s):\n\n'' "))
		})
	}
}

// These messages are partly those of other packages: what matters is that they name the key.
func TestRefusalsOfTypes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"bad_filter":     {`resources: filter "resource_site IN \"dc1\"": `, "column 18"},
		"wrong_type":     {"plugins"},
		"no_list":        {"'plugins.directories' source data must be an array or slice, got string"},
		"wrong_duration": {"plugins.settle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, name)
			for _, part := range want {
				require.ErrorContains(t, err, part)
			}
		})
	}
}

// The README has every setting, so that none is without a reason for its default.
func TestReadmeHasEverySetting(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var check func(reflect.Type)
	check = func(typ reflect.Type) {
		for setting := range typ.Fields() {
			key, option, _ := strings.Cut(setting.Tag.Get("mapstructure"), ",")
			if option == "squash" {
				continue // described where it comes from
			}
			assert.True(t, strings.Contains(string(readme), "`"+key+"`"), key)
			field := setting.Type
			for field.Kind() == reflect.Slice || field.Kind() == reflect.Pointer {
				field = field.Elem()
			}
			if field.Kind() == reflect.Struct && field.PkgPath() == ownPackage {
				check(field)
			}
		}
	}
	check(reflect.TypeFor[Config]())
}
