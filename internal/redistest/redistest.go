//go:build unix

// Package redistest starts a real Redis for tests: that of the system, or of a Debian package that scripts/debian-package
// fetches.
package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// whenSet is the environment variable that makes it a failure that there is no Redis, as CI does.
const whenSet = "PANOPTES_REQUIRE_REDIS"

// Server is a redis-server on a port of this machine that stays the same over restarts.
type Server struct {
	Addr string

	dir     string
	program string
	env     []string
	args    []string
	cmd     *exec.Cmd
	output  bytes.Buffer
}

// Start starts a Redis with the given lines of redis.conf, and waits until it listens. It ends with the test. Without a
// Redis to be had the test is skipped, or fails where PANOPTES_REQUIRE_REDIS is set.
func Start(t testing.TB, lines ...string) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir()}
	s.find(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.Addr = listener.Addr().String()
	require.NoError(t, listener.Close())
	_, port, _ := net.SplitHostPort(s.Addr)
	config := filepath.Join(s.dir, "redis.conf")
	s.args = []string{config}
	listen := "port " + port
	for _, line := range lines {
		switch word, _, _ := strings.Cut(line, " "); word {
		case "tls-cert-file":
			listen = "port 0\ntls-port " + port
		case "sentinel":
			s.args = []string{config, "--sentinel"}
		}
	}
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "bind 127.0.0.1\n%s\ndir %s\nsave \"\"\n%s\n", listen, s.dir, strings.Join(lines, "\n")), 0o600))
	t.Cleanup(func() {
		s.Stop(t)
		if t.Failed() {
			t.Logf("Redis said:\n%s", s.output.String())
		}
	})
	s.Restart(t)
	return s
}

// find finds the program.
func (s *Server) find(t testing.TB) {
	t.Helper()
	checker, err := fetch()
	if err != nil {
		lacking(t, "there is no Redis: "+err.Error())
	}
	libraries, err := filepath.Glob(filepath.Join(filepath.Dir(checker), "../lib/*-linux-gnu*"))
	require.NoError(t, err)
	s.program, s.env = filepath.Join(s.dir, "redis-server"), append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
	// Debian's server, checker and others are one program, that goes by its name.
	require.NoError(t, os.Symlink(checker, s.program))
	cmd := exec.Command(s.program, "--version")
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		lacking(t, fmt.Sprintf("Redis does not start, mostly because a library is missing: %v: %s", err, out))
	}
}

func lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(whenSet) != "" {
		t.Fatalf("%s is set, and %s", whenSet, what)
	}
	t.Skip(what)
}

// fetch fetches the program, once for all tests of a package.
var fetch = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd() // within the repository
	if err != nil {
		return "", err
	}
	script := filepath.Join(dir, "scripts/debian-package")
	for _, err := os.Stat(script); err != nil && dir != filepath.Dir(dir); _, err = os.Stat(script) {
		dir = filepath.Dir(dir)
		script = filepath.Join(dir, "scripts/debian-package")
	}
	out, err := exec.Command(script, "redis-tools,libjemalloc2,liblzf1", "redis-check-rdb").Output()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		return "", fmt.Errorf("%w: %s", err, ended.Stderr)
	}
	return strings.TrimSpace(string(out)), err
})

// Restart starts the server, empty, where it was. It must not be running.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.output.Reset()
	s.cmd = exec.Command(s.program, s.args...)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, &s.output, &s.output
	require.NoError(t, s.cmd.Start())
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", s.Addr)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, 20*time.Second, 10*time.Millisecond, "Redis listens")
}

// Stop kills the server, if it runs.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	require.NoError(t, s.cmd.Process.Kill())
	_ = s.cmd.Wait() // killed
	s.cmd = nil
}

// Suspend has the server take connections and answer nothing, as one does whose machine hangs. The function that it returns
// ends that.
func (s *Server) Suspend(t testing.TB) (resume func()) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGSTOP))
	return func() { require.NoError(t, s.cmd.Process.Signal(syscall.SIGCONT)) }
}

// Client returns a client of the server, for a look at what lies there.
func (s *Server) Client(t testing.TB) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() { client.Close() })
	return client
}
