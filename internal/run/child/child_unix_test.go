//go:build unix

package child

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sh starts a shell script whose process is ended with the test.
func sh(t *testing.T, c Config, script string) *Process {
	t.Helper()
	c.Path, c.Args = "/bin/sh", []string{"-c", script}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		_ = p.Stdout().Close()
	})
	return p
}

func TestEcho(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines []string
	dir := t.TempDir()
	p := sh(t, Config{Dir: dir, Env: []string{"GIVEN=yes"}, Stderr: func(line string, _ bool) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}}, `read x; echo "got $x $GIVEN"; echo one >&2; printf two >&2; exit 7`)
	if _, err := io.WriteString(p.Stdin(), "hello\n"); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(p.Stdout())
	if err != nil || string(out) != "got hello yes\n" {
		t.Errorf("stdout is %q, %v", out, err)
	}
	<-p.Done()
	if err := p.Err(); err == nil || err.Error() != "exit status 7" {
		t.Errorf("Err = %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(lines, []string{"one", "two"}) {
		t.Errorf("stderr is %q", lines)
	}
	if _, err := p.Stdin().Write([]byte("x")); err == nil {
		t.Error("stdin of a process that has ended can be written")
	}
	if err := errors.Join(p.Stop(context.Background()), p.Kill()); err != nil {
		t.Errorf("Stop after the end: %v", err)
	}
}

// TestOutputIsReadAfterTheEnd: what a child wrote before it ended is all there, also where the reader comes late.
func TestOutputIsReadAfterTheEnd(t *testing.T) {
	t.Parallel()
	p := sh(t, Config{}, `echo last words`)
	<-p.Done()
	out, err := io.ReadAll(p.Stdout())
	if err != nil || string(out) != "last words\n" {
		t.Errorf("stdout is %q, %v", out, err)
	}
}

// TestStderrOfShortLife: what a child says on its way out is not lost, however soon it ends.
func TestStderrOfShortLife(t *testing.T) {
	t.Parallel()
	for range 30 {
		said := ""
		p := sh(t, Config{Stderr: func(line string, _ bool) { said += line }}, `echo broken >&2; exit 9`)
		<-p.Done()
		if said != "broken" {
			t.Fatalf("stderr is %q", said)
		}
	}
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	_, err := Start(Config{Path: filepath.Join(t.TempDir(), "none")})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none") {
		t.Errorf("Start = %v", err)
	}
	_, err = Start(Config{Path: "no-such-program-anywhere"})
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("Start = %v", err)
	}
	if _, err = Start(Config{Path: "/bin/sh", Dir: "/nonexistent"}); err == nil {
		t.Error("no error for a working directory that is not there")
	}
}

// readPids reads that many process numbers, one a line.
func readPids(t *testing.T, r io.Reader, n int) []int {
	t.Helper()
	in := bufio.NewScanner(r)
	var pids []int
	for range n {
		if !in.Scan() {
			t.Fatal("stdout ended early")
		}
		pid, err := strconv.Atoi(in.Text())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// newFIFO makes a named pipe and returns its path, and a function that waits until nobody has it open for writing: the
// end of a process that is not our child shows in the end of what it holds.
func newFIFO(t *testing.T) (path string, released func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // does not wait for a writer
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStopEndsTheGroup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, trap, err string }{
		{"heeds TERM", `:`, "signal: terminated"},
		{"ignores TERM", `trap '' TERM`, "signal: killed"},
		{"ends itself on TERM", `trap 'exit 3' TERM`, "exit status 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fifo, released := newFIFO(t)
			hold, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0) // or the writer waits for a reader
			if err != nil {
				t.Fatal(err)
			}
			defer hold.Close()
			p := sh(t, Config{Grace: 200 * time.Millisecond, Env: []string{"FIFO=" + fifo}},
				c.trap+`; exec 9>"$FIFO"; (trap '' TERM; exec sleep 1000) & exec 9>&-; echo $$; while :; do wait; done`)
			if pids := readPids(t, p.Stdout(), 1); pids[0] != p.Pid() {
				t.Errorf("Pid = %d, want %d", p.Pid(), pids[0])
			}
			if err := p.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}
			if err := p.Err(); err == nil || err.Error() != c.err {
				t.Errorf("Err = %v, want %s", err, c.err)
			}
			released()
		})
	}
}

func TestStopKillsWhenContextEnds(t *testing.T) {
	t.Parallel()
	p := sh(t, Config{Grace: time.Hour}, `trap '' TERM; echo $$; while :; do sleep 1000; done`)
	readPids(t, p.Stdout(), 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Err(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("Err = %v", err)
	}
}

// TestGroupEndsWithItsLeader: what a child leaves behind in its group does not stay.
func TestGroupEndsWithItsLeader(t *testing.T) {
	t.Parallel()
	fifo, released := newFIFO(t)
	hold, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	p := sh(t, Config{Env: []string{"FIFO=" + fifo}}, `exec 9>"$FIFO"; (trap '' TERM HUP; exec sleep 1000) & exec 9>&-`)
	<-p.Done()
	released()
	if err := p.Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
}

// A reader that comes long after the end of the child still finds what the child wrote.
func TestLateReader(t *testing.T) {
	t.Parallel()
	p := sh(t, Config{}, "echo hello")
	<-p.Done()
	if err := p.stdout.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(p.Stdout()); string(out) != "hello\n" || err != nil {
		t.Errorf("read %q, %v", out, err)
	}
}

// TestGrandchildHoldsPipes: a process that left the group and keeps the pipes holds up neither Done nor the reader.
func TestGrandchildHoldsPipes(t *testing.T) {
	t.Parallel()
	setsid, err := exec.LookPath("setsid")
	if err != nil {
		t.Logf("setsid is not installed: nothing leaves its group here")
		return
	}
	p := sh(t, Config{}, setsid+` sh -c 'echo $$; exec sleep 1000' & read wait`)
	pids := readPids(t, p.Stdout(), 1) // it has left the group
	_ = p.Stdin().Close()
	<-p.Done()
	if _, err := io.ReadAll(p.Stdout()); err != nil {
		t.Errorf("stdout: %v", err)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Errorf("the process that should hold the pipe is gone, nothing was tested: %v", err)
	}
}

func TestReadLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"a\nb", "a|b|"},
		{"a\r\n\nb\n", "a||b|"},
		{"12345\n123456\n1234567", "12345|12345+|12345+|"},
		{strings.Repeat("x", 100_000) + "\nnext\n", "xxxxx+|next|"},
		{"\xff\n", "\uFFFD|"},
	} {
		var got strings.Builder
		ReadLines(strings.NewReader(c.text), 5, func(line string, truncated bool) {
			got.WriteString(line)
			if truncated {
				got.WriteString("+")
			}
			got.WriteString("|")
		})
		if got.String() != c.want {
			t.Errorf("%.20q: got %q, want %q", c.text, got.String(), c.want)
		}
	}
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	got := Environ([]string{
		"PATH=/bin", "HOME=/root", "LANG=C", "LC_ALL=C", "TZ=UTC", "TMPDIR=/t", "AWS_SECRET_ACCESS_KEY=x", "PYTHONPATH=/evil",
		"LD_PRELOAD=/evil.so", "LCX=1", "broken",
	})
	want := []string{"PATH=/bin", "HOME=/root", "LANG=C", "LC_ALL=C", "TZ=UTC", "TMPDIR=/t"}
	if !slices.Equal(got, want) {
		t.Errorf("Environ = %q, want %q", got, want)
	}
}

// TestMany starts and ends many at once: none is lost, none is left.
func TestMany(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", "exec sleep 1000"}})
			if err != nil {
				t.Error(err)
				return
			}
			if err := p.Kill(); err != nil {
				t.Error(err)
			}
			_ = p.Stdout().Close()
			if state := p.cmd.ProcessState; state == nil {
				t.Error("process is not reaped")
			}
		})
	}
	wg.Wait()
}

// TestNoDescriptorIsInherited: what we were started with does not reach children.
func TestNoDescriptorIsInherited(t *testing.T) {
	fd, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0) // as a shell would leave it open for us
	require.NoError(t, err)
	defer func() { _ = syscall.Close(fd) }()
	p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", "ls /dev/fd/ | sort -n | tr '\\n' ' '"}})
	require.NoError(t, err)
	out, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	<-p.Done()
	_ = p.Stdout().Close()
	for open := range strings.FieldsSeq(string(out)) {
		n, err := strconv.Atoi(open)
		require.NoError(t, err)
		require.LessOrEqual(t, n, 4, "%s: the standard ones, and what ls opens", out)
		require.NotEqual(t, fd, n)
	}
}
