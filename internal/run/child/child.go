package child

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// Defaults of Config.
const (
	DefaultGrace         = 2 * time.Second
	DefaultMaxStderrLine = 8 << 10
)

const (
	// waitDelay is how long after the end of a child its pipes may stay open in processes that left its group.
	waitDelay = time.Second
	// reapLimit is how long Stop waits after KILL. Only a process stuck in the kernel takes longer.
	reapLimit = 10 * time.Second
)

// Config says what to start.
type Config struct {
	// Path is the program: a path, or a name that is looked up in PATH.
	Path string
	Args []string
	// Scripts are files that the program runs in turn, and names of programs that it looks up in PATH: nobody else may be able
	// to replace them either.
	Scripts []string
	// Dir is the working directory; "" is ours.
	Dir string
	// Env is added to the reduced environment, as NAME=value. See Environ.
	Env []string
	// Inherit are the names of variables of ours that the child gets besides the reduced environment.
	Inherit []string
	// Stderr is called with each line of stderr, without its end, from one goroutine. Bytes of a line beyond
	// MaxStderrLine (default 8 KiB) are left out, which truncated tells. nil throws stderr away.
	Stderr        func(line string, truncated bool)
	MaxStderrLine int
	// Grace is the time between TERM and KILL in Stop (default 2 s).
	Grace time.Duration
	// Hardening is what is taken from the child.
	Hardening Hardening
	// ExtraFiles are open in the child from descriptor 3 on. They stay the caller's.
	ExtraFiles []*os.File
	// OwnsChildren says that the child ends its own children on TERM: where the system can tell it of our end, it is
	// sent TERM then, and not KILL.
	OwnsChildren bool
}

// Hide keeps other processes of our user from reading our memory and our environment, and us from dumping core, for as
// long as we run. Without it a child, which runs as the same user, could read from /proc/PID/environ what it was not
// given. It does something on Linux alone.
func Hide() error { return hide() }

// Process is a child that has been started. All methods are safe for concurrent use.
type Process struct {
	config Config
	cmd    *exec.Cmd
	group  group
	stdin  *os.File
	stdout *os.File
	stderr *os.File

	lines sync.WaitGroup // the reader of stderr
	done  chan struct{}  // closed when the child is reaped and its stderr read

	mu     sync.Mutex
	reaped bool
	err    error
}

// Start starts a child, if no other user can replace what would be run. Stop it, or wait for Done, in any case: it is reaped
// by then.
func Start(c Config) (*Process, error) {
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	if c.MaxStderrLine <= 0 {
		c.MaxStderrLine = DefaultMaxStderrLine
	}
	p := &Process{config: c, cmd: exec.Command(c.Path, c.Args...), done: make(chan struct{})}
	p.cmd.Dir = c.Dir
	p.cmd.Env = slices.Concat(Environ(os.Environ(), c.Inherit...), mark(), c.Env)
	if err := p.check(); err != nil {
		return nil, err
	}
	theirs, err := p.pipes()
	defer func() { closeAll(theirs) }()
	if err == nil {
		// Before the start: a child may have ended, and be waited for, before the start returns.
		p.lines.Go(func() { ReadLines(UntilDeadline(p.stderr), c.MaxStderrLine, c.Stderr) })
		err = p.start()
	}
	if err != nil {
		closeAll([]*os.File{p.stdin, p.stdout, p.stderr})
		p.lines.Wait()
		return nil, fmt.Errorf("start %q: %w", c.Path, err)
	}
	return p, nil
}

// check makes sure that no other user can replace what would be run, and that its file systems answer: to start a program
// that one does not give would hold up every other start as well.
func (p *Process) check() error {
	if p.cmd.Err != nil {
		return fmt.Errorf("start: %w", p.cmd.Err)
	}
	searchPath := ""
	for _, variable := range p.cmd.Env {
		if v, ok := strings.CutPrefix(variable, "PATH="); ok {
			searchPath = v
		}
	}
	if p.config.Dir != "" {
		if _, err := safefile.Try(context.Background(), "start in", p.config.Dir, func() (os.FileInfo, error) { return os.Stat(p.config.Dir) }); err != nil {
			return err
		}
	}
	check := func(path string, how func(dir, path, searchPath string) error) error {
		_, err := safefile.Try(context.Background(), "start", path, func() (struct{}, error) {
			return struct{}{}, how(p.config.Dir, path, searchPath)
		})
		return err
	}
	for _, path := range append(slices.Clip(p.config.Scripts), p.cmd.Path) {
		if err := check(path, safepath.CheckProgram); err != nil {
			return err
		}
	}
	for _, argument := range p.config.Args {
		if strings.Contains(argument, "/") {
			if err := check(argument, safepath.CheckArgument); err != nil {
				return err
			}
		}
	}
	return nil
}

// pipes makes the three pipes and returns the child's ends. They are plain pipes, not those of os/exec, which would
// close stdout before all of it is read.
func (p *Process) pipes() (theirs []*os.File, err error) {
	open := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	stdin, ours := open()
	p.stdin = ours
	ours, stdout := open()
	p.stdout = ours
	ours, stderr := open()
	p.stderr = ours
	theirs = []*os.File{stdin, stdout, stderr}
	if err == nil {
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, stdout, stderr
		p.cmd.ExtraFiles = p.config.ExtraFiles
	}
	return theirs, err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// start starts the child from a goroutine that stays on its thread until the child has ended: Linux kills a child
// with the thread that started it, not with the process. The thread costs nothing, as it waits for the child anyway.
func (p *Process) start() error {
	if err := p.group.prepare(p.cmd, p.config.OwnsChildren); err != nil {
		return err
	}
	p.config.Hardening.User.set(p.cmd)
	started := make(chan error, 1)
	onThread(p.config.Hardening.NoNewPrivileges, func() {
		err := p.config.Hardening.harden(p.cmd)
		if err == nil {
			err = p.launch()
		}
		started <- err
		if err == nil {
			p.wait()
		}
	})
	return <-started
}

// launch starts the child, takes it into its group and sets its limits. A child that cannot be had so is ended.
func (p *Process) launch() error {
	if err := startKnown(p.cmd); err != nil {
		return err
	}
	err := p.group.adopt(p.cmd.Process)
	if err == nil {
		err = p.config.Hardening.limit(p.cmd.Process.Pid)
	}
	if err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		reaped(p.cmd)
	}
	return err
}

// wait reaps the child when it has ended, with what is left of its group.
func (p *Process) wait() {
	unreaped := awaitExit(p.cmd.Process.Pid)
	var err error
	if !unreaped {
		err = p.cmd.Wait()
	}
	p.mu.Lock()
	// As long as it is not reaped the child keeps its number, so that nobody else can be hit.
	_ = p.group.kill()
	if unreaped {
		err = p.cmd.Wait()
	}
	reaped(p.cmd)
	p.reaped = true
	p.err = err
	p.mu.Unlock()
	p.group.close()

	// What left the group may hold the pipes for ever. Stdout is given the delay to be read; see Stdout.
	deadline := time.Now().Add(waitDelay)
	_ = p.stdout.SetReadDeadline(deadline)
	_ = p.stderr.SetReadDeadline(deadline)
	_ = p.stdin.Close()
	p.lines.Wait()
	_ = p.stderr.Close()
	close(p.done)
}

// Pid is the number of the process, which is that of its group as well.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stdin is what the child reads. It is closed when the child has ended.
func (p *Process) Stdin() io.WriteCloser { return p.stdin }

// Stdout is what the child writes. Reading ends at the latest one second after the end of the child, even where
// another process holds the pipe, but not before all that the child wrote has been read. The user closes it.
func (p *Process) Stdout() io.ReadCloser { return UntilDeadline(p.stdout) }

// Done is closed when the child has ended, is reaped, and all of its stderr has been delivered.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the child ended once Done is closed: nil for exit code 0, otherwise such as "exit status 7" or
// "signal: killed".
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Stop ends the child and its group: TERM, and KILL after the grace or when ctx is done. It returns when the child is
// reaped; the error says that it is not, or nil. It may be called at any time and more than once.
func (p *Process) Stop(ctx context.Context) error {
	p.signal(group.terminate)
	grace := time.NewTimer(p.config.Grace)
	defer grace.Stop()
	select {
	case <-p.done:
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	return p.Kill()
}

// Kill ends the child and its group at once and returns when the child is reaped.
func (p *Process) Kill() error {
	p.signal(group.kill)
	limit := time.NewTimer(reapLimit)
	defer limit.Stop()
	select {
	case <-p.done:
		return nil
	case <-limit.C:
		return fmt.Errorf("process %d has not ended %s after it was killed", p.Pid(), reapLimit)
	}
}

func (p *Process) signal(send func(group) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = send(p.group)
	}
}

// CPU is the processor time, of user and system, that the child and what it has waited for took, once Done is closed.
func (p *Process) CPU() time.Duration {
	select {
	case <-p.done:
		return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	default:
		return 0
	}
}
