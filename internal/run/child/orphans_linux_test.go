package child

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// daemonScript leaves a process in a session of its own, and says its number.
const daemonScript = `setsid sh -c 'echo $$; exec sleep 1000' < /dev/null 2>/dev/null & wait $!; sleep 0.1`

const killedCollector = "CHILD_TEST_KILLED_COLLECTOR"

// TestKilledCollector is no test of its own: TestOrphansOfADeadCollector runs it in another process, which is killed.
func TestKilledCollector(t *testing.T) {
	if os.Getenv(killedCollector) == "" {
		return
	}
	p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", `setsid sh -c 'echo $$; exec sleep 1000' & sleep 1000`}})
	require.NoError(t, err)
	line, err := bufio.NewReader(p.Stdout()).ReadString('\n')
	require.NoError(t, err)
	_, _ = os.Stdout.WriteString("left " + line)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// gone says whether a process is no more, or waits to be reaped by somebody else.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// TestOrphans: what a child leaves in another session is ended, and nothing else is.
func TestOrphans(t *testing.T) {
	t.Parallel()
	stranger := exec.Command("sleep", "1000") // of another component in our process
	require.NoError(t, stranger.Start())
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	alive, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", "sleep 1000; true"}})
	require.NoError(t, err)
	defer func() { _ = alive.Kill(); _ = alive.Stdout().Close() }()
	p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", daemonScript}})
	require.NoError(t, err)
	line, err := bufio.NewReader(p.Stdout()).ReadString('\n')
	require.NoError(t, err)
	daemon, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, p.Kill())
	_ = p.Stdout().Close()
	require.False(t, gone(daemon), "it outlives its group")
	var mu sync.Mutex
	killed := map[int]string{}
	Sweep(func(pid int, command string) {
		mu.Lock()
		defer mu.Unlock()
		killed[pid] = command
	})
	assert.Contains(t, killed, daemon)
	assert.Eventually(t, func() bool { return gone(daemon) }, 10*time.Second, time.Millisecond)
	assert.False(t, gone(alive.Pid()))
	assert.False(t, gone(stranger.Process.Pid))
}

func TestOrphansOfADeadCollector(t *testing.T) {
	t.Parallel()
	collector := exec.Command(os.Args[0], "-test.run=^TestKilledCollector$")
	collector.Env = append(os.Environ(), killedCollector+"=1")
	out, err := collector.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, collector.Start())
	text, err := io.ReadAll(out)
	require.NoError(t, err)
	require.EqualError(t, collector.Wait(), "signal: killed")
	_, left, ok := strings.Cut(string(text), "left ")
	require.True(t, ok, "%s", text)
	daemon, err := strconv.Atoi(strings.TrimSpace(left))
	require.NoError(t, err)
	assert.Eventually(t, func() bool {
		Sweep(func(int, string) {})
		return gone(daemon)
	}, 10*time.Second, 10*time.Millisecond)
}
