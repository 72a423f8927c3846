package child

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// output runs a script under h to its end.
func output(t *testing.T, h Hardening, script string) (out string, err error) {
	t.Helper()
	p := sh(t, Config{Hardening: h}, script)
	text, readErr := io.ReadAll(p.Stdout())
	if readErr != nil {
		t.Fatal(readErr)
	}
	<-p.Done()
	return strings.TrimSpace(string(text)), p.Err()
}

func TestLimitsHoldFromTheFirstInstruction(t *testing.T) {
	t.Parallel()
	limits := Limits{Memory: 64 << 20, CPUSeconds: 7, OpenFiles: 40, Processes: 500}
	var wg sync.WaitGroup
	for range 30 { // a limit that is set too late is so only now and then
		wg.Go(func() {
			out, err := output(t, Hardening{Limits: limits}, `cat /proc/self/limits`)
			if err != nil {
				t.Error(err)
			}
			for _, want := range []string{"data size +67108864", "cpu time +7", "open files +40", "processes +500"} {
				if !regexp.MustCompile(`(?m)^Max ` + want + ` `).MatchString(out) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
	wg.Wait()
}

func TestLimitOfMemoryEndsAnEater(t *testing.T) {
	t.Parallel()
	out, err := output(t, Hardening{Limits: Limits{Memory: 32 << 20}}, `x=0123456789; while :; do x=$x$x; done`)
	if err == nil {
		t.Errorf("it ended well, with %q", out)
	}
}

func TestLimitOfTimeEndsALoop(t *testing.T) {
	t.Parallel()
	_, err := output(t, Hardening{Limits: Limits{CPUSeconds: 1}}, `while :; do :; done`)
	if err == nil || !strings.HasPrefix(err.Error(), "signal: ") {
		t.Errorf("it ended with %v", err)
	}
}

func TestNoNewPrivileges(t *testing.T) {
	t.Parallel()
	const script = `grep NoNewPrivs /proc/self/status`
	for _, c := range []struct {
		h    Hardening
		want string
	}{
		{Hardening{NoNewPrivileges: true}, "NoNewPrivs:\t1"},
		{Hardening{NoNewPrivileges: true, Limits: Limits{OpenFiles: 50}}, "NoNewPrivs:\t1"},
		{Hardening{}, "NoNewPrivs:\t0"}, // on the same threads: none of ours keeps the attribute
	} {
		for range 10 {
			out, err := output(t, c.h, script)
			if err != nil || out != c.want {
				t.Fatalf("%+v: %q, %v", c.h, out, err)
			}
		}
	}
	own, err := os.ReadFile("/proc/self/status")
	if err != nil || !strings.Contains(string(own), "NoNewPrivs:\t0") {
		t.Errorf("our own first thread has the attribute, or %v", err)
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	other := &User{UID: 12345, GID: 23456}
	h := Hardening{User: other, NoNewPrivileges: true}
	if os.Geteuid() != 0 {
		_, err := Start(Config{Path: "/bin/sh", Hardening: h})
		if !errors.Is(err, syscall.EPERM) {
			t.Errorf("Start = %v", err)
		}
		return
	}
	out, err := output(t, h, `id -u; id -g; id -G`)
	if err != nil || out != "12345\n23456\n23456" {
		t.Errorf("got %q, %v", out, err)
	}
	// To limit another user's process takes a capability that root in a container may lack: then nothing is started.
	h.Limits.OpenFiles = 60
	p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", "ulimit -n"}, Hardening: h})
	if err != nil {
		if !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "SYS_RESOURCE") {
			t.Errorf("Start = %v", err)
		}
		return
	}
	text, _ := io.ReadAll(p.Stdout())
	_ = p.Stdout().Close()
	<-p.Done()
	if string(text) != "60\n" {
		t.Errorf("limit of another user's process is %q", text)
	}
}

func TestHardenedCannotStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(Config{Path: path, Hardening: Hardening{Limits: Limits{OpenFiles: 50}, NoNewPrivileges: true}})
	if !errors.Is(err, syscall.ENOEXEC) {
		t.Errorf("Start = %v", err)
	}
}

const hiddenEnv = "CHILD_TEST_HIDDEN"

// TestHide: what the tests' process shows to a process of its user, before and after. It is a process of its own, which
// gives up root first: root may read everything.
func TestHide(t *testing.T) {
	t.Parallel()
	if os.Getenv(hiddenEnv) != "" {
		if err := Hide(); err != nil {
			t.Fatal(err)
		}
		out, _ := output(t, Hardening{}, `cat /proc/$PPID/environ >/dev/null 2>&1 && echo read || echo refused`)
		if out != "refused" {
			t.Errorf("a child that reads our environment is %q", out)
		}
		own, _ := output(t, Hardening{Limits: Limits{OpenFiles: 50}}, `cat /proc/self/environ >/dev/null && ulimit -n`)
		if own != "50" {
			t.Errorf("a limited child of a hidden process says %q", own)
		}
		return
	}
	exe, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "child-test-") //nolint:usetesting // other users cannot enter the parent of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "test")
	syscall.ForkLock.RLock() // a child of another test that has the file open for writing makes it busy
	err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, exe, 0o755))
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	h := Hardening{}
	if os.Geteuid() == 0 {
		h.User = &User{UID: 12345, GID: 12345}
	}
	p, err := Start(Config{
		Path: path, Args: []string{"-test.run=^TestHide$", "-test.timeout=60s"}, Dir: dir, Env: []string{hiddenEnv + "=1"}, Hardening: h,
	})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(p.Stdout())
	_ = p.Stdout().Close()
	<-p.Done()
	if err := p.Err(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	shown, _ := output(t, Hardening{}, `cat /proc/`+strconv.Itoa(os.Getpid())+`/environ >/dev/null 2>&1 && echo read || echo refused`)
	if shown != "read" {
		t.Errorf("without Hide a child finds our environment %s, so that nothing was tested", shown)
	}
}
