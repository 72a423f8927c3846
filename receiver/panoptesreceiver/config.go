package panoptesreceiver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
	// Package is the package that the directory stands for in what its Python plugins import, such as
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
	// MaxWorkers is the most Python processes at once (default 8). They are started as they are needed.
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
		Resources:         ResourcesConfig{ScanInterval: time.Minute, Sample: 1, MaxShrink: 1},
		MaxConcurrentRuns: 256,
		Limits:            LimitsConfig{PerResource: 8, Dimensions: bounds.DefaultDimensions},
		Breaker:           BreakerConfig{Failures: 3, Backoff: time.Minute, MaxBackoff: 10 * time.Minute},
		Python: PythonConfig{
			Interpreter: runtimes.DefaultInterpreter,
			MaxWorkers:  runtimes.DefaultMaxWorkers,

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

// Validate checks what concerns the whole configuration. The blocks validate themselves.
func (c *Config) Validate() error {
	return atLeast("max_concurrent_runs", c.MaxConcurrentRuns, 1)
}

// Validate checks the block plugins.
func (c *PluginsConfig) Validate() error {
	var errs []error
	if len(c.Directories) == 0 {
		errs = append(errs, errors.New("directories must name at least one directory"))
	}
	seen := map[string]struct{}{}
	for i, d := range c.Directories {
		if d.Path == "" {
			continue // DirectoryConfig says so
		}
		if _, ok := seen[filepath.Clean(d.Path)]; ok {
			errs = append(errs, fmt.Errorf("directories has %q twice, the second time as entry %d", d.Path, i+1))
		}
		seen[filepath.Clean(d.Path)] = struct{}{}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Pins)) {
		if sum, err := hex.DecodeString(c.Pins[name]); err != nil || len(sum) != sha256.Size {
			errs = append(errs, fmt.Errorf("pins: SHA-256 of %q must have %d hex digits, is %q", name, 2*sha256.Size, c.Pins[name]))
		}
	}
	if c.Settle < 0 {
		errs = append(errs, fmt.Errorf("settle must not be negative, is %s", c.Settle))
	}
	_, err := c.Rules()
	return errors.Join(append(errs, scanInterval(c.ScanInterval), err)...)
}

// Validate checks one directory.
func (d *DirectoryConfig) Validate() error {
	var errs []error
	if d.Path == "" {
		errs = append(errs, errors.New("path must not be empty"))
	}
	if d.Package != "" && !packageName.MatchString(d.Package) {
		errs = append(errs, fmt.Errorf("package must be the name of a Python package, such as yahoo_panoptes.plugins.polling.napalm, is %q", d.Package))
	}
	return errors.Join(errs...)
}

var packageName = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$`)

// Validate checks the block python.
func (c *PythonConfig) Validate() error {
	var errs []error
	if c.Interpreter == "" {
		errs = append(errs, errors.New("interpreter must not be empty"))
	}
	if c.Isolation != isolationShared && c.Isolation != isolationPlugin {
		errs = append(errs, fmt.Errorf("isolation must be %q or %q, is %q", isolationShared, isolationPlugin, c.Isolation))
	}
	for _, name := range c.Environment {
		if strings.HasPrefix(name, "PYTHON") {
			errs = append(errs, fmt.Errorf("environment has %q, which interpreters ignore: they are started isolated (-I); "+
				"have what plugins import in a virtual environment, and name that as the interpreter", name))
		}
	}
	return errors.Join(append(errs, variableNames(c.Environment), between("max_workers", c.MaxWorkers, 1, 1024),
		atLeast("max_runs", c.MaxRuns, 1), atLeast("max_memory_mib", c.MaxMemoryMiB, 16))...)
}

// Validate checks what a directory says about Python; 0 and "" are not set.
func (p *DirectoryPythonConfig) Validate() error {
	var errs []error
	if p.MaxWorkers != 0 {
		errs = append(errs, between("max_workers", p.MaxWorkers, 1, 1024))
	}
	if p.MaxRuns != 0 {
		errs = append(errs, atLeast("max_runs", p.MaxRuns, 1))
	}
	if p.MaxMemoryMiB != 0 {
		errs = append(errs, atLeast("max_memory_mib", p.MaxMemoryMiB, 16))
	}
	return errors.Join(errs...)
}

// Validate checks the block context.
func (c *ContextConfig) Validate() error {
	var errs []error
	seen := map[string]struct{}{}
	for _, site := range c.Sites {
		if site == "" {
			errs = append(errs, errors.New("sites must not have an empty name"))
		} else if _, ok := seen[site]; ok {
			errs = append(errs, fmt.Errorf("sites has %q twice", site))
		}
		seen[site] = struct{}{}
	}
	return errors.Join(errs...)
}

// Validate checks the block snmp by the bounds of Panoptes' own specification of panoptes.ini.
func (c *SNMPConfig) Validate() error {
	return errors.Join(
		notEmpty("connection_factory_module", c.ConnectionFactoryModule),
		notEmpty("connection_factory_class", c.ConnectionFactoryClass),
		notEmpty("community_string_key", c.CommunityStringKey),
		between("timeout", c.Timeout, 1, 120),
		between("retries", c.Retries, 1, 10),
		atLeast("non_repeaters", c.NonRepeaters, 0),
		atLeast("max_repetitions", c.MaxRepetitions, 1),
		between("port", c.Port, 1, 65535),
		between("proxy_port", c.ProxyPort, 1, 65535),
		c.validateEngine(),
	)
}

// Validate checks the block x509.
func (c *X509Config) Validate() error {
	return between("x509_secured_requests", c.SecuredRequests, 0, 2)
}

// Validate checks the block emit.
func (c *EmitConfig) Validate() error {
	var errs []error
	if c.MaxDelay <= 0 {
		errs = append(errs, fmt.Errorf("max_delay must be greater than zero, is %s", c.MaxDelay))
	}
	return errors.Join(append(errs, atLeast("max_points", c.MaxPoints, 1))...)
}

func scanInterval(d time.Duration) error {
	if d < minScanInterval {
		return fmt.Errorf("scan_interval must be at least %s, is %s", minScanInterval, d)
	}
	return nil
}

func notEmpty(key, value string) error {
	if value == "" {
		return fmt.Errorf("%s must not be empty", key)
	}
	return nil
}

func atLeast(key string, n, low int) error {
	if n < low {
		return fmt.Errorf("%s must be at least %d, is %d", key, low, n)
	}
	return nil
}

func between(key string, n, low, high int) error {
	if n < low || n > high {
		return fmt.Errorf("%s must be between %d and %d, is %d", key, low, high, n)
	}
	return nil
}
