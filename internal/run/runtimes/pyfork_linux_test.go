package runtimes

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
)

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, patience, 5*time.Millisecond, what)
}

const pidBody = "        return one_group(context, os.getpid())"

// serverOf is the number of the process that the worker of a plugin was forked from.
func serverOf(t *testing.T, r *run.Runner, pid *plugin.Plugin) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + value(t, runOnce(r, pid, "server")) + "/stat")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), ") ") // after the name: the state, the parent
	parent, err := strconv.Atoi(strings.Fields(rest)[1])
	require.NoError(t, err)
	return parent
}

// quickRuns are so many that the first one, which may take long, counts no more.
const quickRuns = 50

// makeQuick runs a plugin until it is known that its runs are short.
func makeQuick(r *run.Runner, p *plugin.Plugin) {
	for range quickRuns {
		runOnce(r, p, "quick")
	}
}

// TestRunsBehindACrashGoOn: of four runs in one worker the one that is on is lost with it, the others run elsewhere.
func TestRunsBehindACrashGoOn(t *testing.T) {
	t.Parallel()
	store := newSignalKV()
	runners := newRunners(t, Settings{Python: pythonWorkers(1), Host: Host{KV: store}})
	dies := openPython(t, "dies", class(`        if context.data.resource_id == 'dies':
            context.kv.set('began', 'yes')
            while not context.kv.get('go'): time.sleep(0.01)
            os.kill(os.getpid(), 9)
        return one_group(context, os.getpid())`), plugin.OpenOptions{})
	makeQuick(runners, dies)
	first := make(chan run.Result, 1)
	go func() { first <- runOnce(runners, dies, "dies") }()
	<-store.written
	others := make(chan run.Result, 3)
	for i := range 3 {
		go func() { others <- runOnce(runners, dies, fmt.Sprint("r", i)) }()
		eventually(t, "it is under way", func() bool { return runners.Busy(dies, testResource(fmt.Sprint("r", i))) })
	}
	require.NoError(t, store.KeyValueStore.Set(context.Background(), "go", "yes", 0))
	res := <-first
	assert.Equal(t, run.OutcomeCrashed, res.Outcome)
	require.ErrorContains(t, res.Err, "signal: killed")
	for range 3 {
		value(t, <-others)
	}
}

// TestRunsBehindALongOneMove: what waits in a worker behind a run that takes long unexpectedly goes to another.
func TestRunsBehindALongOneMove(t *testing.T) {
	t.Parallel()
	store := newSignalKV()
	const workers = 16 // more than there are processors: then runs are stacked before the last is started
	runners := newRunners(t, Settings{Python: pythonWorkers(workers), Host: Host{KV: store}})
	p := openPython(t, "uneven", class(`        if context.data.resource_id.startswith('long'):
            context.kv.set('began', 'yes')
            while not context.kv.get('go'): time.sleep(0.01)
        return one_group(context, os.getpid())`), plugin.OpenOptions{})
	makeQuick(runners, p)
	long := make(chan run.Result, workers)
	n := runtime.GOMAXPROCS(0)
	for i := range n {
		go func() { long <- runOnce(runners, p, fmt.Sprint("long", i)) }()
		<-store.written
	}
	for i := range 3 {
		value(t, runOnce(runners, p, fmt.Sprint("r", i)))
	}
	require.NoError(t, store.KeyValueStore.Set(context.Background(), "go", "yes", 0))
	for range n {
		value(t, <-long)
	}
}

// TestSlowPluginLeavesRoom: one plugin whose runs hang does not get the last worker where there is another plugin.
func TestSlowPluginLeavesRoom(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(2)})
	good := openPython(t, "good", class(goodBody), plugin.OpenOptions{})
	hangs := openPython(t, "hangs", class("        time.sleep(1000)"), plugin.OpenOptions{Deadline: time.Second})
	value(t, runOnce(runners, good, "r1"))
	runOnce(runners, hangs, "r1")
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { runners.Run(ctx, run.Request{Plugin: hangs, Resource: testResource(fmt.Sprint("r", i))}) })
	}
	for range 20 {
		value(t, runOnce(runners, good, "r1"))
	}
	cancel()
	wg.Wait()
}

func TestWorkersAreReplacedAfterRuns(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	reasons := map[string]int{}
	settings := Settings{Python: pythonWorkers(1), Host: Host{Recycled: func(reason string) {
		mu.Lock()
		defer mu.Unlock()
		reasons[reason]++
	}}}
	settings.Python.MaxRuns = 3
	runners := newRunners(t, settings)
	p := openPython(t, "pid", class(pidBody), plugin.OpenOptions{})
	pids := map[string]int{}
	for range 9 {
		pids[value(t, runOnce(runners, p, "r1"))]++
	}
	assert.Len(t, pids, 3)
	eventually(t, "the last one is told of, too", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(reasons) == 1 && reasons[workers.RecycleRuns] == 3
	})
}

// TestMemory: a worker that grew is replaced, a run that wants too much at once is refused it, and each run's peak is
// its own.
func TestMemory(t *testing.T) {
	t.Parallel()
	settings := Settings{Python: pythonWorkers(1)}
	settings.Python.MaxMemory = 64 << 20
	runners := newRunners(t, settings)
	pid := openPython(t, "pid", class(pidBody), plugin.OpenOptions{})
	before := runOnce(runners, pid, "r1")
	uses := openPython(t, "uses", class("        b = bytearray(48 << 20)\n"+pidBody), plugin.OpenOptions{})
	used := runOnce(runners, uses, "r1")
	assert.Equal(t, value(t, before), value(t, used))
	assert.Greater(t, used.PeakMemory, before.PeakMemory+(40<<20))
	assert.Less(t, runOnce(runners, pid, "r1").PeakMemory, before.PeakMemory+(20<<20))

	leaks := openPython(t, "leaks", class("        os.leaked = [bytearray(1 << 20) for _ in range(80)]\n"+pidBody), plugin.OpenOptions{})
	leaked := value(t, runOnce(runners, leaks, "r1"))
	assert.Equal(t, value(t, before), leaked)
	assert.NotEqual(t, leaked, value(t, runOnce(runners, pid, "r1")))

	greedy := openPython(t, "greedy", class("        bytearray(1 << 30)"), plugin.OpenOptions{})
	res := runOnce(runners, greedy, "r1")
	assert.Equal(t, run.OutcomeRaised, res.Outcome)
	assert.ErrorContains(t, res.Err, "MemoryError")
}

// TestProcessorTime: what a run uses is measured, with the programs that it waits for.
func TestProcessorTime(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	p := openPython(t, "works", class(`        import subprocess
        subprocess.run([sys.executable, '-S', '-c', 'import time\nwhile time.process_time() < 0.3: pass'], check=True)
        began = time.process_time()
        while time.process_time() < began + 0.3: pass
        return one_group(context)`), plugin.OpenOptions{})
	res := runOnce(runners, p, "r1")
	require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	assert.GreaterOrEqual(t, res.CPU, 600*time.Millisecond)
	assert.GreaterOrEqual(t, res.Duration, 600*time.Millisecond)
}

// TestForkServerDies: its workers go with it, at the cost of what they run, and all is started again.
func TestForkServerDies(t *testing.T) {
	t.Parallel()
	store := newSignalKV()
	runners := newRunners(t, Settings{Python: pythonWorkers(2), Host: Host{KV: store}})
	hangs := openPython(t, "hangs", class("        context.kv.set('began', 'yes')\n        time.sleep(1000)"), plugin.OpenOptions{})
	pid := openPython(t, "pid", class(pidBody), plugin.OpenOptions{})
	first, server := value(t, runOnce(runners, pid, "r1")), serverOf(t, runners, pid)
	hung := make(chan run.Result, 1)
	go func() { hung <- runOnce(runners, hangs, "r1") }()
	<-store.written
	require.NoError(t, syscall.Kill(server, syscall.SIGKILL))
	res := <-hung
	assert.Equal(t, run.OutcomeCrashed, res.Outcome)
	require.ErrorContains(t, res.Err, "signal: killed")
	var again string
	eventually(t, "runs again", func() bool {
		res := runOnce(runners, pid, "r1")
		if res.Outcome == run.OutcomeOK {
			again = value(t, res)
		}
		return res.Outcome == run.OutcomeOK
	})
	assert.NotEqual(t, first, again)
	assert.NotEqual(t, server, serverOf(t, runners, pid))
}

// TestNothingIsLeft: whatever happens to workers, neither processes nor descriptors stay.
func TestNothingIsLeft(t *testing.T) {
	// Not parallel: it counts the descriptors of the whole process.
	dir := t.TempDir()
	runners, err := New(Settings{Python: pythonWorkers(2)})
	require.NoError(t, err)
	mark := filepath.Join(dir, "mark")
	for _, c := range []struct{ name, body string }{
		{"good", pidBody},
		{"dies", "        os.kill(os.getpid(), 11)"},
		{"exits", "        os._exit(3)"},
		{"children", "        import subprocess\n        subprocess.Popen(['sh', '-c', 'trap \"\" TERM; exec sleep 1000 #" + mark + "'])\n        os._exit(1)"},
		{"forks", "        if os.fork() == 0:\n            time.sleep(1000)\n        os._exit(1)"},
		{"stops", "        import signal\n        os.kill(os.getpid(), signal.SIGSTOP)"},
	} {
		p := openPython(t, c.name, class(c.body), plugin.OpenOptions{Deadline: 500 * time.Millisecond})
		runOnce(runners, p, "r1")
	}
	server := serverOf(t, runners, openPython(t, "x", class(pidBody), plugin.OpenOptions{}))
	require.NoError(t, runners.Close(context.Background()))
	require.ErrorIs(t, syscall.Kill(server, 0), syscall.ESRCH)
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range commands {
		command, _ := os.ReadFile(path)
		assert.NotContains(t, string(command), mark)
	}
}

func TestDescriptorsAreClosed(t *testing.T) {
	// Not parallel: see above.
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(entries)
	}
	cycle := func() {
		runners, err := New(Settings{Python: pythonWorkers(2)})
		require.NoError(t, err)
		runOnce(runners, openPython(t, "dies", class("        os.kill(os.getpid(), 9)"), plugin.OpenOptions{}), "r1")
		runOnce(runners, openPython(t, "good", class(goodBody), plugin.OpenOptions{}), "r1")
		require.NoError(t, runners.Close(context.Background()))
	}
	cycle()
	before := count()
	for range 3 {
		cycle()
	}
	assert.LessOrEqual(t, count(), before+2)
}

const collectorEnv = "PLUGINRUN_TEST_FIFO"

// TestCollector is no test of its own: TestAllDiesWithTheCollector runs it in another process.
func TestCollector(t *testing.T) {
	fifo := os.Getenv(collectorEnv)
	if fifo == "" {
		return
	}
	store := newSignalKV()
	runners, err := New(Settings{Python: pythonWorkers(1), Host: Host{KV: store}})
	require.NoError(t, err)
	p := openPython(t, "holds", class(fmt.Sprintf(`        import subprocess
        held = os.open(%q, os.O_WRONLY)
        subprocess.Popen(['sleep', '1000'], pass_fds=[held])
        context.kv.set('began', 'yes')
        while True: pass`, fifo)), plugin.OpenOptions{})
	go runOnce(runners, p, "r1")
	<-store.written
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// TestAllDiesWithTheCollector: a Collector that is killed leaves no server, no worker and nothing that a plugin started.
func TestAllDiesWithTheCollector(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	hold, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	defer hold.Close()
	collector := exec.Command(os.Args[0], "-test.run=^TestCollector$", "-test.timeout=60s")
	collector.Env = append(os.Environ(), collectorEnv+"="+fifo)
	require.EqualError(t, collector.Run(), "signal: killed")
	reader, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	defer reader.Close()
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(patience)))
	_, err = bufio.NewReader(reader).ReadByte()
	require.ErrorContains(t, err, "EOF") // all that had it open is gone
}

// TestLastWordsOfAKilledWorker: what a plugin said just before a signal ended its process comes to the log, and to the error.
func TestLastWordsOfAKilledWorker(t *testing.T) {
	t.Parallel()
	logger, logs := logged(t)
	runners := newRunners(t, Settings{Python: pythonWorkers(1), Host: Host{Logger: logger}})
	for i, signal := range []string{"SIGKILL", "SIGSEGV"} {
		p := openPython(t, "dies"+signal, class(`        import signal
        context.logger.warning('about to die: %s', context.data.resource_id)
        print('last words')
        os.kill(os.getpid(), signal.`+signal+`)`), plugin.OpenOptions{})
		res := runOnce(runners, p, "r1")
		require.Equal(t, run.OutcomeCrashed, res.Outcome)
		if signal == "SIGKILL" { // Python says something of the other
			require.ErrorContains(t, res.Err, "signal: killed; it said: last words")
		}
		eventually(t, "the lines", func() bool {
			return logs.FilterMessage("about to die: r1").Len() == i+1 && logs.FilterMessage("last words").Len() == i+1
		})
		assert.EqualValues(t, "r1", logs.FilterMessage("last words").All()[i].ContextMap()["resource_id"])
	}
	assert.Zero(t, logs.FilterMessage("Worker sent a line that is no message of the plugin protocol").Len())
}

// TestClosedDescriptors: a plugin that closes all it can find costs its own run, and nothing afterwards.
func TestClosedDescriptors(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	closes := openPython(t, "closes", class("        os.closerange(3, 64)\n"+goodBody), plugin.OpenOptions{})
	lazy := openPython(t, "lazy", class("        import yahoo_panoptes.framework.utilities.ping\n"+goodBody), plugin.OpenOptions{})
	for range 2 {
		value(t, runOnce(runners, closes, "r1"))
		value(t, runOnce(runners, lazy, "r1"))
	}
}

// TestLinesOfPluginsKeepTheirRun: lines come with the fields of the run that wrote them, however many runs are under way.
func TestLinesOfPluginsKeepTheirRun(t *testing.T) {
	t.Parallel()
	logger, logs := logged(t)
	runners := newRunners(t, Settings{Python: pythonWorkers(1), Host: Host{Logger: logger}})
	p := openPython(t, "says", class("        print('printed by', context.data.resource_id)\n        context.logger.info('logged by %s', context.data.resource_id)\n"+goodBody), plugin.OpenOptions{})
	makeQuick(runners, p)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() { runOnce(runners, p, "r"+strconv.Itoa(i)) })
	}
	wg.Wait()
	n := 0
	for _, entry := range logs.All() {
		if _, by, ok := strings.Cut(entry.Message, "ed by "); ok {
			assert.Equal(t, by, entry.ContextMap()["resource_id"], entry.Message)
			n++
		}
	}
	assert.Equal(t, 2*(quickRuns+40), n)
}
