package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	system   = runtime.GOOS
	canLimit = true
)

// hide makes our memory and /proc files unreadable to other processes of our user.
func hide() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

func firstThread() bool { return unix.Gettid() == unix.Getpid() }

// harden prepares cmd, and the thread that is going to start the child, which is locked to its goroutine and must end
// with it where NoNewPrivileges is set: that cannot be taken back.
func (h Hardening) harden(cmd *exec.Cmd) error {
	// A limit cannot be set in the child before it runs its program: Go leaves no place for that between fork and
	// exec, and what one process sets for another comes late. So the child asks to be traced, which stops it once its
	// program is loaded and has not run yet; see limit.
	cmd.SysProcAttr.Ptrace = h.Limits.any()
	if !h.NoNewPrivileges {
		return nil
	}
	// An attribute of threads, which the child has from the one that starts it.
	return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

// limit sets the limits of a child that has stopped at its first instruction, and lets it go. It must be called by the
// thread that started the child. A child that was killed before it stopped is left for others to reap.
func (h Hardening) limit(pid int) error {
	if !h.Limits.any() {
		leaveRoom(pid)
		return nil
	}
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("waitid", err)
		}
	}
	const trapped = 4 // CLD_TRAPPED: the tracee has stopped; others mean that it has ended
	if info.Code != trapped {
		return nil
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return os.NewSyscallError("wait4", err)
	}
	for _, l := range h.Limits.list() {
		limit := unix.Rlimit{Cur: l.value, Max: l.value}
		if err := capped(pid, l.resource, &limit); err != nil {
			if errors.Is(err, unix.EPERM) && h.User != nil {
				err = fmt.Errorf("%w: for a process of another user it takes the capability SYS_RESOURCE", err)
			}
			return fmt.Errorf("set the limit of %s to %d: %w", l.name, l.value, err)
		}
	}
	signal := 0
	if s := status.StopSignal(); s != unix.SIGTRAP {
		signal = int(s) // it came from somebody else, and is for the child
	}
	return os.NewSyscallError("ptrace PTRACE_DETACH", detach(pid, signal))
}

// processReserve is how many processes and threads of our user no child may take.
const processReserve = 128

// leaveRoom keeps a child from taking all processes and threads of our user, which may be limited: it comes up against a
// limit of its own before we do. Root is not limited so. A child that forks faster than this is called is limited in what it
// has by then.
func leaveRoom(pid int) {
	var ours unix.Rlimit
	if unix.Prlimit(0, unix.RLIMIT_NPROC, nil, &ours) != nil || ours.Cur <= 2*processReserve {
		return
	}
	if ours.Cur == unix.RLIM_INFINITY {
		return
	}
	_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &unix.Rlimit{Cur: ours.Cur - processReserve, Max: ours.Max}, nil)
}

// detach lets a traced process go on with a signal, or none for 0.
func detach(pid, signal int) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(pid), 0, uintptr(signal), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

type limit struct {
	name     string
	resource int
	value    uint64
}

func (l Limits) list() []limit {
	var out []limit
	for _, c := range []limit{
		{"memory", unix.RLIMIT_DATA, l.Memory},
		{"CPU seconds", unix.RLIMIT_CPU, l.CPUSeconds},
		{"open files", unix.RLIMIT_NOFILE, l.OpenFiles},
		{"processes", unix.RLIMIT_NPROC, l.Processes},
	} {
		if c.value > 0 {
			out = append(out, c)
		}
	}
	return out
}

// capped sets a limit, or leaves the hard limit that we have ourselves where that is lower: to raise it takes root.
func capped(pid, resource int, limit *unix.Rlimit) error {
	var old unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &old); err != nil {
		return err
	}
	limit.Cur, limit.Max = min(limit.Cur, old.Max), min(limit.Max, old.Max)
	return unix.Prlimit(pid, resource, limit, nil)
}
