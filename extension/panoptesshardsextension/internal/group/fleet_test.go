//go:build unix

package group_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// result is a line of a member.
type result struct {
	shard      int
	start, end int64
	tenure     string // life and epoch
	before     string // "-" where the member knew none
	name       string
}

// fleet is some members, each a process, and all that they said.
type fleet struct {
	t       *testing.T
	orders  orders
	brokers []string

	mu      sync.Mutex
	results []result
	refused map[string]int
	unowned []time.Duration
	attacks []int64 // when they began and ended
	members map[string]*process
	lives   int
	readers sync.WaitGroup
}

func newFleet(t *testing.T, o orders, brokers []string) *fleet {
	t.Helper()
	f := &fleet{t: t, orders: o, brokers: brokers, refused: map[string]int{}, members: map[string]*process{}}
	t.Cleanup(f.end)
	return f
}

// process is a member.
type process struct {
	life  string
	cmd   *exec.Cmd
	roads []*road
	done  chan struct{}
}

// start starts a member, again where it was there before.
func (f *fleet) start(name string) *process {
	f.t.Helper()
	o := f.orders
	o.Instance, o.Brokers, o.Roads = name, f.brokers, map[string]string{}
	if o.Storage != "" {
		o.Storage += "/" + name
		require.NoError(f.t, os.MkdirAll(o.Storage, 0o700))
	}
	f.mu.Lock()
	f.lives++
	o.Life = fmt.Sprint(name, ".", f.lives)
	f.mu.Unlock()
	p := &process{life: o.Life, done: make(chan struct{})}
	for _, broker := range f.brokers {
		r := newRoad(f.t, broker)
		p.roads = append(p.roads, r)
		o.Roads[broker] = r.listener.Addr().String()
	}
	text, err := json.Marshal(o)
	require.NoError(f.t, err)
	self, err := os.Executable()
	require.NoError(f.t, err)
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), memberVariable+"="+string(text), "GOMAXPROCS=1")
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(f.t, err)
	require.NoError(f.t, p.cmd.Start())
	f.mu.Lock()
	f.members[name] = p
	f.mu.Unlock()
	f.readers.Go(func() {
		defer close(p.done)
		f.read(out)
		if _ = p.cmd.Wait(); p.cmd.ProcessState.Exited() && p.cmd.ProcessState.ExitCode() != 0 {
			f.t.Errorf("member %s ended with %s", name, p.cmd.ProcessState)
		}
		for _, r := range p.roads {
			r.close()
		}
	})
	return p
}

func (f *fleet) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var (
			r      result
			life   string
			epoch  int
			millis int64
			word   string
			line   = lines.Text()
		)
		f.mu.Lock()
		if _, err := fmt.Sscanf(line, "run %d %d %d %s %d %s %s", &r.shard, &r.start, &r.end, &life, &epoch, &r.before, &r.name); err == nil {
			r.tenure = fmt.Sprint(life, "/", epoch)
			f.results = append(f.results, r)
		} else if _, err := fmt.Sscanf(line, "unowned %d", &millis); err == nil {
			f.unowned = append(f.unowned, time.Duration(millis)*time.Millisecond)
		} else if _, err := fmt.Sscanf(line, "refused %s", &word); err == nil {
			f.refused[word]++
		}
		f.mu.Unlock()
	}
}

// bury removes a member that was killed from the group, if a session later it is still there. kfake (up to
// v0.0.0-20260918054303) keeps one for ever that was killed during its first join: it stops the timer of its session then
// (addMemberAndRebalance), and begins another one only with an answer that the connection takes (reply). Kafka lets it expire.
func (f *fleet) bury(p *process) {
	lasts(f.orders.Session)
	client, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...))
	if err != nil {
		return
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	groups, err := kadm.NewClient(client).DescribeGroups(ctx, f.orders.Group)
	if err != nil {
		return
	}
	for _, m := range groups[f.orders.Group].Members {
		if m.ClientID == p.life {
			req := kmsg.NewPtrLeaveGroupRequest()
			member := kmsg.NewLeaveGroupRequestMember()
			req.Group, req.MemberID, member.MemberID = f.orders.Group, m.MemberID, m.MemberID
			req.Members = append(req.Members, member)
			_, _ = req.RequestWith(ctx, client)
		}
	}
}

// stop lets a member give its shards away, and waits for its end.
func (p *process) stop() { p.signal(syscall.SIGTERM) }
func (p *process) kill() { p.signal(syscall.SIGKILL) }

func (p *process) signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s)
	<-p.done
}

func (p *process) pause(d time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGSTOP)
	lasts(d)
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
}

func (p *process) cut(d time.Duration) {
	for _, r := range p.roads {
		r.block(true)
	}
	lasts(d)
	for _, r := range p.roads {
		r.block(false)
	}
}

func (f *fleet) end() {
	f.mu.Lock()
	all := f.members
	f.members = map[string]*process{}
	f.mu.Unlock()
	for _, p := range all {
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		_ = p.cmd.Process.Signal(syscall.SIGKILL)
	}
	f.readers.Wait()
}

// owners waits until each shard has had a result within the last moments, and returns whose they were.
func (f *fleet) allOwned(within time.Duration) map[int]string {
	f.t.Helper()
	deadline := time.Now().Add(within)
	for {
		since := now() - int64(4*f.orders.Every) - int64(200*time.Millisecond)
		owners := map[int]string{}
		f.mu.Lock()
		for i := len(f.results) - 1; i >= 0 && i > len(f.results)-20000; i-- {
			if r := f.results[i]; r.end > since {
				owners[r.shard], _, _ = strings.Cut(r.tenure, ".")
			}
		}
		f.mu.Unlock()
		if len(owners) == f.orders.Shards {
			return owners
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("only %d of %d shards have an owner after %s; %s", len(owners), f.orders.Shards, within, f.describe())
		}
		lasts(10 * time.Millisecond)
	}
}

// balanced waits until n members own all shards, evenly.
func (f *fleet) balanced(n int, within time.Duration) map[int]string {
	f.t.Helper()
	deadline := time.Now().Add(within)
	for {
		owners := f.allOwned(time.Until(deadline))
		counts := map[string]int{}
		for _, o := range owners {
			counts[o]++
		}
		fair := len(counts) == n
		for _, c := range counts {
			fair = fair && c >= f.orders.Shards/n && c <= (f.orders.Shards+n-1)/n
		}
		if fair {
			return owners
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("shards are not shared evenly by %d members after %s: %v", n, within, counts)
		}
		lasts(20 * time.Millisecond)
	}
}

// attacked notes that an attack begins, or is over.
func (f *fleet) attacked() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attacks = append(f.attacks, now())
}

// lasts is how long something is done to members.
func lasts(d time.Duration) { <-time.After(d) }

// until waits until a judge sees something, or for no longer than within.
func (f *fleet) until(within time.Duration, seen func(*verdict) bool) {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); lasts(50 * time.Millisecond) {
		if v := f.judge(); seen(&v) {
			return
		}
	}
}

// describe says what the coordinator knows, and who lives.
func (f *fleet) describe() string {
	client, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...))
	if err != nil {
		return err.Error()
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	groups, err := kadm.NewClient(client).DescribeGroups(ctx, f.orders.Group)
	if err != nil {
		return err.Error()
	}
	var in, alive []string
	for _, m := range groups[f.orders.Group].Members {
		in = append(in, m.ClientID)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.members {
		alive = append(alive, p.life)
	}
	slices.Sort(alive)
	return fmt.Sprintf("the group is %s, has %v, of %v", groups[f.orders.Group].State, in, alive)
}

// joined waits until the group has so many members, who have learnt what is theirs.
func (f *fleet) joined(n int) {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...))
	require.NoError(f.t, err)
	defer client.Close()
	require.Eventually(f.t, func() bool {
		groups, err := kadm.NewClient(client).DescribeGroups(f.t.Context(), f.orders.Group)
		return err == nil && len(groups[f.orders.Group].Members) == n && groups[f.orders.Group].State == "Stable"
	}, 10*time.Second, 20*time.Millisecond)
}

// polled waits until a member has had so many results of each of its shards.
func (f *fleet) polled(p *process, n int) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		counts := map[int]int{}
		for _, r := range f.results {
			if strings.HasPrefix(r.tenure, p.life+"/") {
				counts[r.shard]++
			}
		}
		for _, c := range counts {
			if c < n {
				return false
			}
		}
		return len(counts) > 0
	}, 10*time.Second, 20*time.Millisecond)
}

// road is the network between a member and a broker.
type road struct {
	listener net.Listener
	broker   string

	mu      sync.Mutex
	open    sync.Cond // signalled when blocked ends
	blocked bool
	closed  bool
	conns   []net.Conn
}

func newRoad(t *testing.T, broker string) *road {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &road{listener: l, broker: broker}
	r.open.L = &r.mu
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(c)
		}
	}()
	return r
}

func (r *road) carry(c net.Conn) {
	defer c.Close()
	r.wait()
	b, err := net.Dial("tcp", r.broker)
	if err != nil {
		return
	}
	defer b.Close()
	r.mu.Lock()
	r.conns = append(r.conns, c, b)
	r.mu.Unlock()
	go r.copy(b, c)
	r.copy(c, b)
}

func (r *road) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		r.wait()
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// wait returns when the road is open.
func (r *road) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.blocked && !r.closed {
		r.open.Wait()
	}
}

// block holds up all that is sent; sometimes what is there is lost with its connections.
func (r *road) block(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = on
	if !on && rand.IntN(2) == 0 {
		for _, c := range r.conns {
			_ = c.Close()
		}
		r.conns = nil
	}
	r.open.Broadcast()
}

func (r *road) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.open.Broadcast()
}
