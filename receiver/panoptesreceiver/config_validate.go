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
)

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
	return errors.Join(append(errs, variableNames(c.Environment), between("max_workers", c.MaxWorkers, 0, 1024),
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

// Bounds of a window: shorter ones hold too few runs, longer ones would keep an error for very long.
const (
	minStatusWindow = 10 * time.Second
	maxStatusWindow = 24 * time.Hour
)

// Validate checks the block status.
func (c *StatusConfig) Validate() error {
	var errs []error
	if !(c.FailingShare >= 0 && c.FailingShare <= 1) { // NaN neither
		errs = append(errs, fmt.Errorf("failing_share must be between 0 and 1, is %v", c.FailingShare))
	}
	if c.Window < minStatusWindow || c.Window > maxStatusWindow {
		errs = append(errs, fmt.Errorf("window must be between %s and %s, is %s", minStatusWindow, maxStatusWindow, c.Window))
	}
	return errors.Join(errs...)
}
