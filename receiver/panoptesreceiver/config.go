package panoptesreceiver

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/bounds"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
)

// Config is the configuration of the receiver. Relative paths start at the Collector's working directory.
type Config struct {
	// Plugins says where plugin files are and how changes to them are taken.
	Plugins PluginsConfig `mapstructure:"plugins"`
	// Resources says what plugins are run against.
	Resources ResourcesConfig `mapstructure:"resources"`
	// MaxConcurrentRuns is the most runs under way at once, of all plugins together (default 256). A run that is due
	// while all places are taken starts late.
	MaxConcurrentRuns int `mapstructure:"max_concurrent_runs"`
	// Limits bounds the runs under way at once against one device and of one plugin, and what they return.
	Limits LimitsConfig `mapstructure:"limits"`
	// Breaker leaves resources alone that do not answer.
	Breaker BreakerConfig `mapstructure:"breaker"`
	// Python configures the processes that run Python plugins.
	Python PythonConfig `mapstructure:"python"`
	// Processes configures the processes of process and exec plugins.
	Processes ProcessesConfig `mapstructure:"processes"`
	// Context is what plugins see of their surroundings.
	Context ContextConfig `mapstructure:"context"`
	// Secrets is where plugins find secrets.
	Secrets SecretsConfig `mapstructure:"secrets"`
	// Storage is the storage extension that keeps the key-value store, enrichment and first-seen times of resources over a
	// restart. None by default: then they begin anew.
	Storage *component.ID `mapstructure:"storage"`
	// Redis is the extension panoptes_redis that keeps the key-value store, enrichment and the keys of resources under
	// Panoptes' own names, and secrets where secrets::directory names none. None by default: then the receiver keeps keys and
	// enrichment itself.
	Redis *component.ID `mapstructure:"redis"`
	// Sharding is the extension panoptes_shards by which several Collectors share a fleet: only resources of this one's
	// shards are polled. None by default: all are.
	Sharding *component.ID `mapstructure:"sharding"`
	// Emit says how finished runs are joined into batches.
	Emit EmitConfig `mapstructure:"emit"`
	// Status says when failing runs make the component's status an error.
	Status StatusConfig `mapstructure:"status"`
	// PollingStatus sends Panoptes' polling status of each run beside its metrics (default false).
	PollingStatus bool `mapstructure:"polling_status"`
	// ServiceIdentity adds service.namespace, service.name and service.instance.id to each resource (default true),
	// by which Prometheus tells resources apart.
	ServiceIdentity bool `mapstructure:"service_identity"`
}

// PluginsConfig says where plugin files are.
type PluginsConfig struct {
	// Directories are scanned recursively for files that end in .panoptes-plugin; symbolic links are followed. At
	// least one is needed.
	Directories []DirectoryConfig `mapstructure:"directories"`
	// Settle is how long a change to a plugin or a resources file must last before it is taken (default 2s), so that
	// half a deployment is never run. 0 takes every change as it is seen.
	Settle time.Duration `mapstructure:"settle"`
	// ScanInterval is the time between two scans (default 60s). Changes are mostly seen at once; the scan finds those
	// that the system does not tell of, such as on NFS.
	ScanInterval time.Duration `mapstructure:"scan_interval"`
	// Overrides are laid over plugin files. Of two that set one thing for a plugin and a resource the later one counts.
	Overrides []OverrideConfig `mapstructure:"overrides"`
	// Pins are SHA-256 sums by the Name of a plugin: a plugin that is named runs only with that sum.
	Pins map[string]string `mapstructure:"pins"`
}

// DirectoryConfig is one plugin directory: a path, or a block with a path.
type DirectoryConfig struct {
	// Path is the directory.
	Path string `mapstructure:"path"`
	// Package is the package that the directory stands for in what Python plugins of all directories import, such as
	// yahoo_panoptes.plugins.polling.napalm ("" for none).
	Package string `mapstructure:"package"`
	// Python is what the Python plugins of the directory run in, where that is not what the block python says.
	Python DirectoryPythonConfig `mapstructure:"python"`
}

// DirectoryPythonConfig is an interpreter, or a block. What is not set is as in the block python of the receiver.
type DirectoryPythonConfig struct {
	// Interpreter is a path, a name that is looked up in PATH, or the folder of a virtual environment.
	Interpreter string `mapstructure:"interpreter"`
	// MaxWorkers is the most processes at once, for all directories with the same settings together.
	MaxWorkers int `mapstructure:"max_workers"`
	// MaxRuns is after how many runs a process is replaced.
	MaxRuns int `mapstructure:"max_runs"`
	// MaxMemoryMiB is by how many MiB a process may grow.
	MaxMemoryMiB int `mapstructure:"max_memory_mib"`
}

// UnmarshalText reads the short form, which is the interpreter alone.
func (p *DirectoryPythonConfig) UnmarshalText(text []byte) error {
	p.Interpreter = string(text)
	return nil
}

func (p DirectoryPythonConfig) env() plugin.PythonEnv {
	return plugin.PythonEnv{
		Interpreter: p.Interpreter, MaxWorkers: p.MaxWorkers, MaxRuns: p.MaxRuns, MaxMemory: int64(p.MaxMemoryMiB) << 20,
	}
}

// UnmarshalText reads the short form, which is the path alone.
func (d *DirectoryConfig) UnmarshalText(text []byte) error {
	d.Path = string(text)
	return nil
}

// PythonConfig configures the processes that run Python plugins.
type PythonConfig struct {
	// Interpreter is a path, or a name that is looked up in PATH (default python3). Python 3.8 or later.
	Interpreter string `mapstructure:"interpreter"`
	// MaxWorkers is the most Python processes at once. They are started as they are needed. By default, 0, it is twice the
	// number of processors, and up to eight times, or 32, while processes wait for something else than a processor.
	MaxWorkers int `mapstructure:"max_workers"`
	// MaxRuns is after how many runs a process is replaced (default 10000).
	MaxRuns int `mapstructure:"max_runs"`
	// MaxMemoryMiB is by how many MiB a process may grow before it is replaced (default 256). A run that wants more than
	// twice that at once gets a MemoryError, on Linux.
	MaxMemoryMiB int `mapstructure:"max_memory_mib"`
	// Environment are the names of variables that plugins get besides PATH, HOME, LANG, LC_*, TZ and TMPDIR.
	Environment []string `mapstructure:"environment"`
	// RuntimeDir is where the embedded Python package is written. "" takes systemd's state directory, where there is one;
	// else Linux keeps it in memory, and other systems in a temporary directory for as long as the receiver runs.
	RuntimeDir string `mapstructure:"runtime_dir"`
	// Isolation is "shared" (default) where plugins take turns in the same processes, or "plugin" where each has its own.
	Isolation string `mapstructure:"isolation"`
}

// The values of PythonConfig.Isolation.
const (
	isolationShared = "shared"
	isolationPlugin = "plugin"
)

// ContextConfig is what Panoptes kept in panoptes.ini for plugins to see.
type ContextConfig struct {
	// Sites are the names of the sites, context.sites in a plugin.
	Sites []string `mapstructure:"sites"`
	// SNMP are the defaults for SNMP, context.snmp in a plugin.
	SNMP SNMPConfig `mapstructure:"snmp"`
	// X509 are the defaults for client certificates, context.x509 in a plugin.
	X509 X509Config `mapstructure:"x509"`
}

// SNMPConfig has the names, defaults and bounds of section [snmp] in panoptes.ini.
type SNMPConfig struct {
	// ConnectionFactoryModule is the Python module that makes SNMP connections.
	ConnectionFactoryModule string `mapstructure:"connection_factory_module"`
	// ConnectionFactoryClass is the class in that module.
	ConnectionFactoryClass string `mapstructure:"connection_factory_class"`
	// Community is the community for sites without a secret. Its default (public) is what plugins see and is not sent; any other
	// is sent and is not what plugins see.
	Community configopaque.String `mapstructure:"community"`
	// Timeout is the time to wait for an answer, in seconds, 1 to 120 (default 5).
	Timeout int `mapstructure:"timeout"`
	// Retries is how often a request is sent again, 1 to 10 (default 1).
	Retries int `mapstructure:"retries"`
	// NonRepeaters is the number of variables that a bulk request asks for once (default 0).
	NonRepeaters int `mapstructure:"non_repeaters"`
	// MaxRepetitions is the number of rows that a bulk request asks for (default 25).
	MaxRepetitions int `mapstructure:"max_repetitions"`
	// Port is the agents' port (default 161).
	Port int `mapstructure:"port"`
	// ProxyPort is the port of SNMP proxies (default 10161).
	ProxyPort int `mapstructure:"proxy_port"`
	// CommunityStringKey is the name of the secret that holds a site's community (default snmp_community_string).
	CommunityStringKey string `mapstructure:"community_string_key"`
	// Credentials are rules of which the first counts that fits a resource. Where none does, CommunityStringKey says the
	// community, with version 2c. Plugins do not see them.
	Credentials []SNMPCredentialsConfig `mapstructure:"credentials"`
	// InFlight is how many requests a device has to answer at a time (default 2).
	InFlight int `mapstructure:"in_flight"`
	// PacketsPerSecond bounds what is sent to a device (default 0, no bound).
	PacketsPerSecond float64 `mapstructure:"packets_per_second"`
	// MaxInFlight is how many requests may wait for answers at a time, over all devices (default 4096).
	MaxInFlight int `mapstructure:"max_in_flight"`
	// SourceAddress are the addresses that requests come from, at most one of IPv4 and one of IPv6 (default: as the system
	// routes).
	SourceAddress []string `mapstructure:"source_address"`
	// AnySource is a filter of the resources whose devices answer from another address than they are asked at (default: none).
	AnySource string `mapstructure:"any_source"`
}

// X509Config has the names and defaults of section [x509] in panoptes.ini.
type X509Config struct {
	// CertLocation is the directory of certificates.
	CertLocation string `mapstructure:"x509_cert_location"`
	// CertFilename is the certificate's file in it.
	CertFilename string `mapstructure:"x509_cert_filename"`
	// KeyLocation is the directory of keys.
	KeyLocation string `mapstructure:"x509_key_location"`
	// KeyFilename is the key's file in it.
	KeyFilename string `mapstructure:"x509_key_filename"`
	// SecuredRequests is what Panoptes' HTTP helper does: 0 no certificate, 1 and 2 as its own documentation says.
	SecuredRequests int `mapstructure:"x509_secured_requests"`
}

// SecretsConfig is where plugins find secrets.
type SecretsConfig struct {
	// Directory holds files <name>/<site> and <name>/default, read anew for every lookup. "" means no secrets.
	Directory string `mapstructure:"directory"`
}

// EmitConfig says how finished runs are joined into batches.
type EmitConfig struct {
	// MaxDelay is the longest time that a finished run waits for others (default 200ms).
	MaxDelay time.Duration `mapstructure:"max_delay"`
	// MaxPoints sends a batch as soon as it has that many data points (default 8192). A metrics group is never cut
	// apart, so that a batch can be larger by one group.
	MaxPoints int `mapstructure:"max_points"`
}

// defaultCommunity is Panoptes' own.
const defaultCommunity = "public"

// createDefaultConfig holds every default; the README gives the reasons.
func createDefaultConfig() component.Config {
	return &Config{
		Plugins:           PluginsConfig{Settle: 2 * time.Second, ScanInterval: time.Minute},
		Resources:         ResourcesConfig{ScanInterval: time.Minute, Sample: 1},
		MaxConcurrentRuns: 256,
		Limits:            LimitsConfig{PerResource: 8, Dimensions: bounds.DefaultDimensions},
		Breaker:           BreakerConfig{Failures: 3, Backoff: time.Minute, MaxBackoff: 10 * time.Minute},
		Python: PythonConfig{
			Interpreter: runtimes.DefaultInterpreter,

			MaxRuns: runtimes.DefaultMaxRuns, MaxMemoryMiB: runtimes.DefaultMaxMemory >> 20,
			Isolation: isolationShared,
		},
		Processes: ProcessesConfig{MaxExec: runtimes.DefaultMaxExec, PerPlugin: runtimes.DefaultPerPlugin},
		Context: ContextConfig{
			SNMP: SNMPConfig{
				ConnectionFactoryModule: "yahoo_panoptes.plugins.helpers.snmp_connections",
				ConnectionFactoryClass:  "PanoptesSNMPConnectionFactory",
				Community:               defaultCommunity,
				Timeout:                 5,
				Retries:                 1,
				MaxRepetitions:          25,
				Port:                    161,
				ProxyPort:               10161,
				CommunityStringKey:      "snmp_community_string",
				InFlight:                engine.DefaultInFlight,
				MaxInFlight:             engine.DefaultInFlightOverall,
			},
			X509: X509Config{
				CertLocation: "/home/panoptes/x509/certs",
				CertFilename: "panoptes.pem",
				KeyLocation:  "/home/panoptes/x509/keys",
				KeyFilename:  "panoptes.key",
			},
		},
		Emit:            EmitConfig{MaxDelay: 200 * time.Millisecond, MaxPoints: 8192},
		Status:          StatusConfig{FailingShare: 0.5, Window: 5 * time.Minute},
		ServiceIdentity: true,
	}
}

var (
	_ confmap.Unmarshaler = (*Config)(nil)
	_ confmap.Validator   = (*Config)(nil)
)

// minScanInterval bounds the cost of scanning.
const minScanInterval = time.Second

// StatusConfig says when failing runs make the component's status an error.
type StatusConfig struct {
	// FailingShare is the share of the runs within Window that must have failed, above 0 and up to 1 (default 0.5); 0 lets
	// runs say nothing about the status.
	FailingShare float64 `mapstructure:"failing_share"`
	// Window is how far the share looks back (default 5m).
	Window time.Duration `mapstructure:"window"`
}
