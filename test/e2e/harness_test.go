//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience is how long a test waits for something that should happen at once; a busy machine may need it.
const patience = 60 * time.Second

// binary returns the path of a built program.
func binary(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("PANOPTES_BIN")
	require.NotEmpty(t, dir, "PANOPTES_BIN must name the folder of the built programs: run make test-e2e")
	path := filepath.Join(dir, name)
	require.FileExists(t, path)
	return path
}

// brokers returns the addresses of a Kafka to test against: a real one if PANOPTES_TEST_BROKERS names it.
func brokers(t *testing.T) string {
	t.Helper()
	if real := os.Getenv("PANOPTES_TEST_BROKERS"); real != "" {
		return real
	}
	return fakeBroker(t, 0).ListenAddrs()[0]
}

func fakeBroker(t *testing.T, port int) *kfake.Cluster {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(4)}
	if port != 0 {
		opts = append(opts, kfake.Ports(port))
	}
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

// lastPort is what freePort gave last. It stays below the ports that the system gives to clients, so that none of them takes a port
// between freePort and its use, and no port is given twice.
var lastPort atomic.Int32

func init() { lastPort.Store(int32(20000 + os.Getpid()%1000*10)) }

// freePort returns a port on loopback that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := int(lastPort.Add(1))
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
	t.Fatalf("no free port on loopback up to %d", lastPort.Load())
	return 0
}

// site returns a name for the site of a test's resources that no other test, nor an earlier run, has used: the topic
// is made from it.
func site(t *testing.T) string {
	t.Helper()
	name := strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())
	return fmt.Sprintf("%s_%d", name, time.Now().UnixNano())
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	// A rename, so that nobody reads half a file.
	require.NoError(t, os.WriteFile(path+".tmp", []byte(content), 0o644))
	require.NoError(t, os.Rename(path+".tmp", path))
}

// process is a started program whose whole output is kept.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error

	mu  sync.Mutex
	out bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.run(t)
	return p
}

// run starts the program, which ends with the test.
func (p *process) run(t *testing.T) {
	t.Helper()
	require.NoError(t, p.tryRun(t))
}

// tryRun is run for a program that may not start.
func (p *process) tryRun(t *testing.T) error {
	t.Helper()
	p.cmd.Stdout, p.cmd.Stderr = p, p
	// A grandchild that holds the pipe must not hold the test.
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop(t, syscall.SIGINT)
		if t.Failed() {
			t.Logf("output of %s:\n%s", filepath.Base(p.cmd.Path), tail(p.output(), 400000))
		}
	})
	return nil
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// stop ends the program with a signal and waits for it; it returns the error of Wait. Stopping twice is fine.
func (p *process) stop(t *testing.T, sig os.Signal) error {
	t.Helper()
	select {
	case <-p.done:
		return p.err
	default:
	}
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		t.Errorf("%s did not end within %s of %v", filepath.Base(p.cmd.Path), patience, sig)
		<-p.done
	}
	return p.err
}

// waitFor calls cond until it is true, and fails with what it last said after a deadline.
func waitFor(t *testing.T, what string, cond func() (bool, string)) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, last := cond()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen within %s: %s", what, patience, last)
		}
	}
}

func (p *process) waitForLog(t *testing.T, text string) {
	t.Helper()
	waitFor(t, fmt.Sprintf("log of %q", text), func() (bool, string) {
		select {
		case <-p.done:
			t.Fatalf("the program ended: %v", p.err)
		default:
		}
		return strings.Contains(p.output(), text), ""
	})
}

// consumer reads one topic from its start.
type consumer struct{ client *kgo.Client }

func consume(t *testing.T, seeds, topic string) *consumer {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(seeds, ",")...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.MetadataMaxAge(time.Second), kgo.FetchMaxWait(200*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &consumer{client}
}

// until reads records until one satisfies cond, which sees each once, and returns it.
func (c *consumer) until(t *testing.T, what string, cond func(*kgo.Record) bool) *kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seen := 0
	for {
		fetches := c.client.PollFetches(ctx)
		var found *kgo.Record
		fetches.EachRecord(func(r *kgo.Record) {
			seen++
			if found == nil && cond(r) {
				found = r
			}
		})
		if found != nil {
			return found
		}
		if err := ctx.Err(); err != nil {
			t.Fatalf("no record for %q among %d: %v %v", what, seen, err, errors.Join(fetchErrors(fetches)...))
		}
	}
}

func fetchErrors(f kgo.Fetches) []error {
	var errs []error
	for _, e := range f.Errors() {
		errs = append(errs, fmt.Errorf("%s[%d]: %w", e.Topic, e.Partition, e.Err))
	}
	return errs
}

// scrape returns the Prometheus text at a port, or "" while nobody listens.
func scrape(t *testing.T, port int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", port), http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

// post says whether the Collector took a batch of OTLP on.
func post(url string, data []byte) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// processesWith returns the command lines of processes that mention a text, this one aside.
func processesWith(t *testing.T, text string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	var found []string
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err != nil || strings.HasPrefix(f, fmt.Sprintf("/proc/%d/", os.Getpid())) {
			continue
		}
		if s := strings.ReplaceAll(string(line), "\x00", " "); strings.Contains(s, text) {
			found = append(found, s)
		}
	}
	return found
}
