package workers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// message is a line of the protocol as the scripted process reads it.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		RunID int64  `json:"run_id"`
		Act   string `json:"act"`
	} `json:"params"`
}

// scripted is a process in memory, which does what the parameter "act" of its jobs says.
type scripted struct {
	ordered bool
	in, out *io.PipeWriter
	reads   *io.PipeReader
	writes  *io.PipeReader
	done    chan struct{}
	once    sync.Once
	mu      sync.Mutex
	err     error
	asked   chan message
	spent   atomic.Bool
}

func startScripted(ordered bool) *scripted {
	s := &scripted{ordered: ordered, done: make(chan struct{}), asked: make(chan message, 1000)}
	s.reads, s.in = io.Pipe()
	s.writes, s.out = io.Pipe()
	go s.read()
	go s.work()
	return s
}

func (s *scripted) end(err error) {
	s.once.Do(func() {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		_ = s.reads.Close()
		_ = s.out.Close()
		close(s.done)
	})
}

func (s *scripted) Pid() int              { return 1 }
func (s *scripted) In() io.WriteCloser    { return s.in }
func (s *scripted) Out() io.Reader        { return s.writes }
func (s *scripted) Done() <-chan struct{} { return s.done }
func (s *scripted) Left() []string        { return nil }

func (s *scripted) Close() error {
	_ = s.in.Close()
	return s.writes.Close()
}

func (s *scripted) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *scripted) Stop(context.Context) error {
	s.end(errors.New("signal: terminated"))
	return nil
}

// read queues jobs, and takes those out that are recalled.
func (s *scripted) read() {
	in := bufio.NewReader(s.reads)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			s.end(nil)
			return
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			panic(err)
		}
		if m.Method == "cancel" {
			s.cancel(m.Params.RunID)
			continue
		}
		s.asked <- m
		if m.Params.Act == "deaf" { // it hangs, and reads nothing more
			<-s.done
		}
	}
}

func (s *scripted) cancel(run int64) {
	for range len(s.asked) {
		m := <-s.asked
		if m.Params.RunID == run {
			s.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32800,"message":"given back"}}`, m.ID)
		} else {
			s.asked <- m
		}
	}
}

func (s *scripted) write(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

func (s *scripted) work() {
	for {
		select {
		case m := <-s.asked:
			if s.ordered {
				s.do(m)
			} else {
				go s.do(m)
			}
		case <-s.done:
			return
		}
	}
}

func (s *scripted) do(m message) {
	if s.spent.Load() { // as a process does in which something was left
		s.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32800,"message":"to be replaced"}}`, m.ID)
		return
	}
	answer := func() { s.write(`{"jsonrpc":"2.0","id":%s,"result":{"run_id":%d}}`, m.ID, m.Params.RunID) }
	switch m.Params.Act {
	case "dies":
		s.end(errors.New("exit status 7"))
	case "hangs", "deaf":
		<-s.done
	case "sleeps", "naps":
		d := 50 * time.Millisecond
		if m.Params.Act == "naps" {
			d = time.Millisecond
		}
		select {
		case <-time.After(d):
			answer()
		case <-s.done:
		}
	case "leaves":
		select {
		case <-time.After(time.Millisecond):
		case <-s.done:
			return
		}
		s.spent.Store(s.ordered)
		s.write(`{"jsonrpc":"2.0","id":%s,"result":{"run_id":%d,"left":"a thread"}}`, m.ID, m.Params.RunID)
	case "babbles":
		for range 2 * maxFaults {
			s.write(`{"jsonrpc":"2.0","id":"none","result":{}}`)
		}
	case "garbles":
		s.write(`garbage`)
	case "refuses":
		s.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"no"}}`, m.ID)
	default:
		answer()
	}
}

// scripts is a launcher of scripted processes.
type scripts struct {
	ordered bool
	places  int
	failing atomic.Bool // starts fail
	starts  atomic.Int32
	stale   atomic.Bool
}

func (l *scripts) Start(context.Context, func(string, bool)) (Process, error) {
	l.starts.Add(1)
	if l.failing.Load() {
		return nil, errors.New("no program here")
	}
	return startScripted(l.ordered), nil
}

func (l *scripts) Greet(context.Context, *rpc.Conn, int) (Greeting, error) {
	return Greeting{Places: l.places}, nil
}

func (l *scripts) Stale() bool { return l.stale.Load() }

func (l *scripts) Renew() { l.stale.Store(false) }

// told counts reasons.
type told struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *told) note(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[reason]++
}

func (c *told) seen() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

type testPool struct {
	*Pool
	launcher            *scripts
	restarted, recycled told
	lastRun             atomic.Int64
	ended               atomic.Int64
}

func newTestPool(policy Policy, places int) *testPool {
	p := &testPool{launcher: &scripts{ordered: policy.Ordered, places: places}}
	policy.Leftover = func(answer json.RawMessage) string {
		var left struct{ Left string }
		_ = json.Unmarshal(answer, &left)
		return left.Left
	}
	p.Pool = New(policy, p.launcher, Host{
		Logger: zap.NewNop(), Budget: runlog.NewBudget(), Calls: hostapi.NewTable(nil), MaxLine: 1 << 20,
		Restarted: p.restarted.note, Recycled: p.recycled.note,
	})
	return p
}

// do does a job of a plugin that acts so.
func (p *testPool) do(ctx context.Context, plugin, act string) Answer {
	id := p.lastRun.Add(1)
	return p.Do(ctx, &Job{
		Plugin: plugin, Deadline: time.Second, Method: "run", RunID: id,
		Params: func(time.Time) (json.RawMessage, error) {
			return fmt.Appendf(nil, `{"run_id":%d,"act":%q}`, id, act), nil
		},
		Begin: func() context.Context {
			begun, cancel := context.WithTimeout(ctx, time.Second)
			context.AfterFunc(begun, cancel)
			return begun
		},
		Ended: func() { p.ended.Add(1) },
	})
}

func (p *testPool) goDo(plugin, act string) <-chan Answer {
	c := make(chan Answer, 1)
	go func() { c <- p.do(context.Background(), plugin, act) }()
	return c
}

var (
	shared = Policy{Max: 4, Ordered: true, Idle: time.Minute}
	own    = Policy{Max: 4, Idle: time.Minute, Patience: time.Second}
)

// A pool that nobody gave a size grows while its processes wait, and not while they use the processors; what it has grown by is
// forgotten when it is not needed.
func TestPoolGrowsWhileProcessesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Bool // all processes are
		begun := time.Now()
		policy := Policy{Max: 10, First: 2, Ordered: true, Idle: time.Minute, Busy: func(int) (time.Duration, bool) {
			if busy.Load() {
				return time.Since(begun), true
			}
			return 0, true
		}}
		p := newTestPool(policy, 1)
		hang := func(n int) (all []<-chan Answer) {
			for i := range n {
				all = append(all, p.goDo(fmt.Sprint("p", i), "hangs"))
			}
			return all
		}
		end := func(all []<-chan Answer) {
			for _, one := range all {
				require.ErrorIs(t, (<-one).Err, ErrGivenUp)
			}
		}
		busy.Store(true)
		all := hang(2)
		synctest.Wait()
		all = append(all, hang(2)...)
		time.Sleep(900 * time.Millisecond)
		assert.EqualValues(t, 2, p.launcher.starts.Load(), "they use the processors")
		end(all)

		busy.Store(false)
		before := p.launcher.starts.Load()
		all = hang(20)
		time.Sleep(measureFor + time.Millisecond)
		synctest.Wait()
		assert.EqualValues(t, 4, p.launcher.starts.Load()-before, "twice as many")
		time.Sleep(2 * measureFor)
		synctest.Wait()
		assert.EqualValues(t, 10, p.launcher.starts.Load()-before, "and no more than the most")
		end(all)

		for range 12 { // an idle hour and more
			time.Sleep(tendInterval)
		}
		busy.Store(true)
		before = p.launcher.starts.Load()
		all = hang(6)
		time.Sleep(900 * time.Millisecond)
		assert.EqualValues(t, 2, p.launcher.starts.Load()-before, "it has shrunk")
		end(all)
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestBackoff: processes that fail to start are not started again until the back-off is over, however often they are
// asked for, and then one at a time.
func TestBackoff(t *testing.T) {
	for name, policy := range map[string]Policy{"shared": shared, "own": {Max: 4, Idle: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newTestPool(policy, 1)
				p.launcher.failing.Store(true)
				var last time.Duration
				for i := range 15 {
					before := p.launcher.starts.Load()
					for range 50 {
						a := p.do(t.Context(), "p", "")
						var unavailable *UnavailableError
						require.ErrorAs(t, a.Err, &unavailable)
						require.ErrorContains(t, a.Err, "no program here")
						last = unavailable.retry
					}
					first := int32(1)
					if name == "own" && i == 0 {
						first = 2 // the first failure has no consequence
					}
					assert.Equal(t, before+first, p.launcher.starts.Load(), "round %d", i)
					assert.Positive(t, last)
					assert.LessOrEqual(t, last, maxBackoff)
					time.Sleep(last)
				}
				assert.GreaterOrEqual(t, last, maxBackoff/2)
				p.launcher.failing.Store(false)
				require.NoError(t, p.do(t.Context(), "p", "").Err, "it is never given up")
				require.NoError(t, p.Close(t.Context()))
				require.ErrorIs(t, p.do(t.Context(), "p", "").Err, ErrClosed)
				require.NoError(t, p.Close(t.Context()))
			})
		})
	}
}

func TestBackoffGrowsAndIsLimited(t *testing.T) {
	t.Parallel()
	for failures := 1; failures < 100; failures++ {
		full := min(minBackoff<<min(failures-1, 10), maxBackoff)
		for range 20 {
			d := backoff(failures)
			assert.GreaterOrEqual(t, d, full/2)
			assert.Less(t, d, full)
		}
	}
}

// TestPatience: jobs wait a moment for a process that may soon be started again.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(own, 1)
		for range 2 {
			var crash *CrashError
			require.ErrorAs(t, p.do(t.Context(), "p", "dies").Err, &crash)
			assert.Equal(t, "exit status 7", crash.Error())
		}
		begun := time.Now()
		require.NoError(t, p.do(t.Context(), "p", "").Err)
		assert.GreaterOrEqual(t, time.Since(begun), minBackoff/2)
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestLivingProcessesServeWhileStartsFail: where a further one cannot be started, those who wait get the living one.
func TestLivingProcessesServeWhileStartsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(shared, 1)
		require.NoError(t, p.do(t.Context(), "p", "").Err)
		p.launcher.failing.Store(true)
		first, second := p.goDo("p", "sleeps"), p.goDo("p", "sleeps")
		require.NoError(t, (<-first).Err)
		require.NoError(t, (<-second).Err)
		require.Error(t, p.do(t.Context(), "p", "dies").Err)
		var unavailable *UnavailableError
		require.ErrorAs(t, p.do(t.Context(), "p", "").Err, &unavailable)
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestCrashLosesOneJob: what waits in a process behind the job that ends it runs elsewhere.
func TestCrashLosesOneJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := shared
		policy.Max = 1
		p := newTestPool(policy, 1)
		require.NoError(t, p.do(t.Context(), "p", "").Err) // it is quick
		dies := p.goDo("p", "dies")
		others := make([]<-chan Answer, 3)
		for i := range others {
			others[i] = p.goDo("p", "")
		}
		require.Error(t, (<-dies).Err)
		for _, o := range others {
			require.NoError(t, (<-o).Err)
		}
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, map[string]int{RestartCrashed: 1}, p.restarted.seen())
	})
}

// TestLongJobGivesOthersBack: what waits behind a job that takes long goes to another process.
func TestLongJobGivesOthersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(shared, 1)
		p.cores = 1
		require.NoError(t, p.do(t.Context(), "p", "").Err)
		hangs := p.goDo("p", "hangs")
		synctest.Wait()
		begun := time.Now()
		behind := p.goDo("p", "")
		require.NoError(t, (<-behind).Err)
		assert.Less(t, time.Since(begun), 2*longRun)
		require.ErrorIs(t, (<-hangs).Err, ErrGivenUp)
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, map[string]int{RestartTimeout: 1}, p.restarted.seen())
		assert.EqualValues(t, p.lastRun.Load(), p.ended.Load())
	})
}

// TestShortJobsArePacked: a worker that works on short jobs takes more of them, though another one has nothing to do; jobs that
// take long get workers at once.
func TestShortJobsArePacked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(shared, 1)
		p.cores = 2
		atOnce := func(n int, plugin, act string) time.Duration {
			begun := time.Now()
			all := make([]<-chan Answer, n)
			for i := range all {
				all[i] = p.goDo(plugin, act)
			}
			for _, a := range all {
				require.NoError(t, (<-a).Err)
			}
			return time.Since(begun)
		}
		atOnce(2, "long", "sleeps")
		require.NoError(t, p.do(t.Context(), "short", "naps").Err)
		assert.Equal(t, 3*time.Millisecond, atOnce(3, "short", "naps"), "one after the other")
		assert.Equal(t, 50*time.Millisecond, atOnce(2, "long", "sleeps"), "side by side")
		assert.EqualValues(t, 2, p.launcher.starts.Load())
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestLeftover: after a run that leaves something behind the process gets no other.
func TestLeftover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := shared
		policy.Max = 1
		p := newTestPool(policy, 1)
		require.NoError(t, p.do(t.Context(), "p", "").Err) // it is quick
		leaves := p.goDo("p", "leaves")
		synctest.Wait() // it is on
		var behind []<-chan Answer
		for range 3 {
			behind = append(behind, p.goDo("p", ""))
		}
		synctest.Wait()
		p.mu.Lock()
		assert.Len(t, p.workers[0].jobs, 4, "the others wait behind it")
		p.mu.Unlock()
		require.NoError(t, (<-leaves).Err)
		for _, b := range behind {
			require.NoError(t, (<-b).Err)
		}
		assert.EqualValues(t, 2, p.launcher.starts.Load())
		assert.Equal(t, map[string]int{RecycleLeftover: 1}, p.recycled.seen())
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestIdleAndStale: processes end that have nothing to do, and those that know old packages.
func TestIdleAndStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(shared, 1)
		require.NoError(t, p.do(t.Context(), "p", "").Err)
		p.launcher.stale.Store(true)
		time.Sleep(2 * tendInterval)
		require.NoError(t, p.do(t.Context(), "p", "").Err)
		assert.EqualValues(t, 2, p.launcher.starts.Load())
		assert.Equal(t, map[string]int{RecycleEnvironment: 1}, p.recycled.seen())
		time.Sleep(p.policy.Idle + 2*tendInterval)
		p.mu.Lock()
		assert.Zero(t, p.live)
		assert.Nil(t, p.tend, "nothing ticks without processes")
		p.mu.Unlock()
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestSeveralAtOnce: a process that takes several jobs at once is the only one; one that hangs in it ends it when the
// others are over.
func TestSeveralAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(own, 8)
		var all []<-chan Answer
		for range 8 {
			all = append(all, p.goDo("p", "sleeps"))
		}
		for _, a := range all {
			require.NoError(t, (<-a).Err)
		}
		assert.EqualValues(t, 1, p.launcher.starts.Load())
		most, own := p.Concurrency()
		assert.Equal(t, 8, most)
		assert.True(t, own)
		hangs := p.goDo("p", "hangs")
		require.ErrorIs(t, (<-hangs).Err, ErrGivenUp)
		assert.EqualValues(t, 8, p.ended.Load(), "it may still go on")
		require.NoError(t, p.do(t.Context(), "p", "").Err, "the process is not given up yet")
		time.Sleep(2 * cancelGrace)
		assert.EqualValues(t, 10, p.ended.Load())
		require.NoError(t, p.do(t.Context(), "p", "").Err)
		assert.EqualValues(t, 2, p.launcher.starts.Load())
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, map[string]int{RestartTimeout: 1}, p.restarted.seen())
	})
}

func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(own, 1)
		sleeps := p.goDo("p", "sleeps")
		synctest.Wait()
		gone := make(chan struct{})
		p.Retire(func() { close(gone) })
		require.NoError(t, (<-sleeps).Err)
		<-gone
		require.NoError(t, p.do(t.Context(), "p", "").Err, "a job that comes late is done")
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestProcessThatDoesNotRead: its queue fills up, which costs the job that is on, at its deadline, and no other.
func TestProcessThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := shared
		policy.Max = 1
		p := newTestPool(policy, 1)
		require.NoError(t, p.do(t.Context(), "p", "").Err)
		hangs := p.goDo("p", "deaf")
		synctest.Wait()
		p.mu.Lock()
		w := p.workers[0]
		p.mu.Unlock()
		block := json.RawMessage(`{"noise":"` + strings.Repeat("x", 1<<20) + `"}`)
		for err := error(nil); err == nil; err = w.conn.Tell("noise", block) { // until the queue is full
		}
		var others []<-chan Answer
		for range 20 {
			others = append(others, p.goDo("p", ""))
		}
		require.ErrorIs(t, (<-hangs).Err, ErrGivenUp)
		for _, o := range others {
			require.NoError(t, (<-o).Err)
		}
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestPoolHoldsItsInvariants has many jobs of all kinds under way, some given up, and looks at the invariants after each
// change: each job is answered once, ends once, and no process stays.
func TestPoolHoldsItsInvariants(t *testing.T) {
	acts := []string{"", "", "", "sleeps", "dies", "hangs", "deaf", "leaves", "babbles", "garbles", "refuses"}
	rapid.Check(t, func(r *rapid.T) {
		policy := rapid.SampledFrom([]Policy{shared, own}).Draw(r, "policy")
		policy.Max = rapid.IntRange(1, 4).Draw(r, "max")
		policy.MaxRuns = rapid.SampledFrom([]int{0, 3}).Draw(r, "max runs")
		places := rapid.SampledFrom([]int{1, 3}).Draw(r, "places")
		steps := rapid.SliceOfN(rapid.SampledFrom(acts), 1, 40).Draw(r, "acts")
		patience := rapid.SliceOfN(rapid.IntRange(0, 200), len(steps), len(steps)).Draw(r, "milliseconds")
		synctest.Test(t, func(t *testing.T) {
			p := newTestPool(policy, places)
			var all sync.WaitGroup
			for i, act := range steps {
				all.Go(func() {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					if patience[i] > 150 {
						defer time.AfterFunc(time.Duration(patience[i])*time.Millisecond, cancel).Stop()
					}
					p.do(ctx, "p"+act, act)
				})
				if patience[i] < 20 {
					time.Sleep(time.Duration(patience[i]) * time.Millisecond)
				}
				p.check(t)
			}
			all.Wait()
			p.check(t)
			require.NoError(t, p.Close(t.Context()))
			p.check(t)
			assert.EqualValues(t, len(steps), p.ended.Load())
			assert.Zero(t, p.live)
		})
	})
}

// check looks at the invariants of the package comment.
func (p *testPool) check(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[*Job]bool{}
	place := func(j *Job) {
		require.False(t, seen[j], "a job is in one place")
		seen[j] = true
	}
	for _, j := range p.waiting {
		place(j)
		require.Nil(t, j.worker)
		require.False(t, j.settled)
	}
	for _, w := range p.workers {
		require.False(t, w.gone)
		for i, j := range w.jobs {
			place(j)
			require.Same(t, w, j.worker)
			require.Equal(t, p.policy.Ordered && i > 0, j.begun.IsZero())
		}
	}
	require.GreaterOrEqual(t, p.live, len(p.workers)+p.starting)
	require.LessOrEqual(t, p.live, 2*max(p.policy.Max, 1))
}
