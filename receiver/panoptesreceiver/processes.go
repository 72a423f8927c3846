package panoptesreceiver

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
)

// ProcessesConfig configures the processes of process and exec plugins.
type ProcessesConfig struct {
	// MaxExec is the most children of exec plugins at once (default 32).
	MaxExec int `mapstructure:"max_exec"`
	// PerPlugin is the most processes of one process plugin that does one run at a time (default 4).
	PerPlugin int `mapstructure:"per_plugin"`
	// Environment are the names of variables that plugins get besides PATH, HOME, LANG, LC_*, TZ and TMPDIR.
	Environment []string `mapstructure:"environment"`
	// RunAs is the name or the number of the user whom plugins run as; "" is the Collector's own. It takes root.
	RunAs string `mapstructure:"run_as"`
	// NoNewPrivs takes the effect of set-user-ID bits and file capabilities from plugins (default false). Linux.
	NoNewPrivs bool `mapstructure:"no_new_privs"`
	// Limits bound what each process may take; 0 is no limit. Linux.
	Limits ProcessLimitsConfig `mapstructure:"limits"`
	// Dumpable lets the Collector dump core and be traced, and with it processes of its user read its environment and
	// its memory (default false). Linux.
	Dumpable bool `mapstructure:"dumpable"`
}

// ProcessLimitsConfig bounds what each process may take.
type ProcessLimitsConfig struct {
	// MemoryMiB is the private memory of a process, in MiB (RLIMIT_DATA).
	MemoryMiB uint64 `mapstructure:"memory_mib"`
	// CPU is the processor time over the life of a process, in whole seconds (RLIMIT_CPU).
	CPU time.Duration `mapstructure:"cpu"`
	// OpenFiles is the number of file descriptors of a process (RLIMIT_NOFILE).
	OpenFiles uint64 `mapstructure:"open_files"`
	// Processes is the number of processes and threads of the user that plugins run as (RLIMIT_NPROC).
	Processes uint64 `mapstructure:"processes"`
}

// Validate checks the block processes.
func (c *ProcessesConfig) Validate() error {
	h := child.Hardening{Limits: c.Limits.limits(), NoNewPrivileges: c.NoNewPrivs}
	if c.RunAs != "" {
		h.User = &child.User{}
	}
	return errors.Join(between("max_exec", c.MaxExec, 1, 4096), between("per_plugin", c.PerPlugin, 1, 1024),
		variableNames(c.Environment), h.Supported())
}

// variableNames checks a list environment.
func variableNames(names []string) error {
	var errs []error
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			errs = append(errs, fmt.Errorf("environment must have names of variables, has %q", name))
		}
	}
	return errors.Join(errs...)
}

// minOpenFiles lets a program open its libraries and its pipes.
const minOpenFiles = 16

// Validate checks the block limits.
func (c *ProcessLimitsConfig) Validate() error {
	var errs []error
	if c.CPU < 0 || c.CPU%time.Second != 0 {
		errs = append(errs, fmt.Errorf("cpu must be whole seconds, is %s", c.CPU))
	}
	if c.OpenFiles > 0 && c.OpenFiles < minOpenFiles {
		errs = append(errs, fmt.Errorf("open_files must be 0, or at least %d, is %d", minOpenFiles, c.OpenFiles))
	}
	const most = 1 << 30
	if c.MemoryMiB > most {
		errs = append(errs, fmt.Errorf("memory_mib must be at most %d, is %d", most, c.MemoryMiB))
	}
	return errors.Join(errs...)
}

func (c *ProcessLimitsConfig) limits() child.Limits {
	return child.Limits{
		Memory: c.MemoryMiB << 20, CPUSeconds: uint64(c.CPU / time.Second), OpenFiles: c.OpenFiles, Processes: c.Processes,
	}
}

// settings looks the user up that plugins run as.
func (c *ProcessesConfig) settings() (program.Settings, error) {
	s := program.Settings{
		MaxExec: c.MaxExec, PerPlugin: c.PerPlugin, Inherit: c.Environment,
		Hardening: child.Hardening{Limits: c.Limits.limits(), NoNewPrivileges: c.NoNewPrivs},
	}
	if c.RunAs == "" {
		return s, nil
	}
	u, err := lookupUser(c.RunAs)
	if err != nil {
		return s, fmt.Errorf("processes::run_as: %w", err)
	}
	s.Hardening.User = u
	return s, nil
}

func lookupUser(name string) (*child.User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("there is no user %q", name)
		}
	}
	names, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %q: %w", name, err)
	}
	ids := make([]uint32, 0, 2+len(names))
	for _, text := range append([]string{u.Uid, u.Gid}, names...) {
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %q: id %q is no number", name, text)
		}
		ids = append(ids, uint32(id))
	}
	return &child.User{UID: ids[0], GID: ids[1], Groups: ids[2:]}, nil
}

// hide keeps plugins, which mostly run as the Collector's user, from what they were not given.
func (c *ProcessesConfig) hide(logger *zap.Logger) {
	if c.Dumpable {
		return
	}
	if err := child.Hide(); err != nil {
		logger.Warn("The Collector's environment cannot be hidden from plugins", zap.Error(err))
	}
}
