//go:build unix

package group_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/group"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/kafkatest"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/parts"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// memberVariable holds the orders of a process that is a member of a fleet, and not a test.
const memberVariable = "PANOPTES_TEST_SHARDS_MEMBER"

func TestMain(m *testing.M) {
	if orders := os.Getenv(memberVariable); orders != "" {
		if err := runMember(orders); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// orders are what a member is told.
type orders struct {
	Group, Topic, Instance, Life string
	Shards                       int
	Session, Rebalance           time.Duration
	Heartbeat, Drain             time.Duration
	// Brokers are the addresses of the brokers, Roads those to dial in their place.
	Brokers []string
	Roads   map[string]string
	// Storage is a folder that outlives the process.
	Storage string
	// Every is how often each shard is polled, Stuck how long a drain takes that does not care about its context.
	Every, Stuck time.Duration
	Breakage     group.Breakage
	GoOn         bool
	Stamped      bool // kfake stamps records
}

// runMember polls what it owns, and writes a line for each result, until it is told to end.
func runMember(text string) error {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	logger := zap.NewNop()
	if os.Getenv("PANOPTES_TEST_SHARDS_LOG") != "" {
		set := zap.NewDevelopmentConfig()
		set.DisableStacktrace = true
		logger, _ = set.Build()
		logger = logger.Named(o.Instance)
	}
	poller := &poller{orders: o, tenure: map[int]string{}, last: map[int]string{}, busy: map[int]int{}}
	poller.restore()
	var p parts.Parts
	if _, err := p.Join(poller.part()); err != nil {
		return err
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...), kgo.ClientID(o.Life), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			if road, ok := o.Roads[address]; ok {
				address = road
			}
			return (&net.Dialer{Timeout: o.Session / 5}).DialContext(ctx, network, address)
		}),
	}
	set := group.Settings{
		Group: o.Group, Topic: o.Topic, Shards: o.Shards, Session: o.Session, Rebalance: o.Rebalance, Heartbeat: o.Heartbeat,
		Drain: o.Drain, Create: true, Replicas: -1, Instance: o.Instance, Life: o.Life,
		Logger: logger, Now: time.Now, Breakage: o.Breakage, GoOn: o.GoOn,
	}
	if o.Stamped {
		set.Reader = []kgo.Opt{kafkatest.Reader()}
	}
	g, err := group.New(set, watcher{logger}, &p, opts)
	if err != nil {
		return err
	}
	poller.group, poller.life = g, set.Life
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	p.Begin()
	g.Start()
	over := make(chan struct{})
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		poller.poll(over)
	}()
	<-end
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	g.Stop(ctx)
	close(over)
	<-polled
	g.Close()
	return nil
}

// watcher logs what a group tells.
type watcher struct{ *zap.Logger }

func (w watcher) Moved(reason string, n int) {
	w.Info("moved", zap.String("reason", reason), zap.Int("shards", n))
}
func (w watcher) Refused(reason string) { say("refused %s", reason) }
func (w watcher) Given(took time.Duration, items int) {
	w.Info("given", zap.Duration("took", took), zap.Int("items", items))
}

func (w watcher) Took(took time.Duration, items int) {
	w.Info("took", zap.Duration("took", took), zap.Int("items", items))
}
func (w watcher) Unowned(d time.Duration) { say("unowned %d", d.Milliseconds()) }
func (w watcher) Health(err error)        { w.Info("health", zap.Error(err)) }

var sayLock sync.Mutex

func say(format string, args ...any) {
	sayLock.Lock()
	defer sayLock.Unlock()
	fmt.Fprintf(os.Stdout, format+"\n", args...)
}

// poller stands for receivers and processors: what it keeps of a shard is the name of the last result. A result that says
// which one came before it is what a rate is: wrong if that was not the last one of all owners.
type poller struct {
	orders
	group *group.Group
	life  string

	mu     sync.Mutex
	n      int
	tenure map[int]string
	last   map[int]string
	busy   map[int]int
}

func (p *poller) part() shard.Part {
	return shard.Part{Name: "poller", Source: true, Drain: p.drain, Export: p.export, Import: p.take, Drop: p.drop}
}

// now is the monotonic clock of the machine, which all processes share.
func now() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}

type run struct {
	shard int
	epoch uint64
	start int64
}

// poll begins runs at each tick, and ends them at the next.
func (p *poller) poll(over chan struct{}) {
	ticker := time.NewTicker(p.Every)
	defer ticker.Stop()
	var runs []run
	for {
		for _, r := range runs {
			p.finish(r)
		}
		runs = runs[:0]
		for s := range p.Shards {
			p.mu.Lock()
			p.busy[s]++ // before the check, as drain looks after the bit was cleared
			p.mu.Unlock()
			if epoch, ok := p.group.Owns(s); ok {
				runs = append(runs, run{s, epoch, now()})
			} else {
				p.mu.Lock()
				p.busy[s]--
				p.mu.Unlock()
			}
		}
		select {
		case <-over:
			return
		case <-ticker.C:
		}
	}
}

func (p *poller) finish(r run) {
	end := now()
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.busy[r.shard]-- }()
	if !p.group.Holds(r.shard, r.epoch) {
		return
	}
	p.n++
	name := fmt.Sprintf("%s:%d", p.life, p.n)
	before := p.last[r.shard]
	if before == "" {
		before = "-"
	}
	say("run %d %d %d %s %d %s %s", r.shard, r.start, end, p.life, r.epoch, before, name)
	p.last[r.shard] = name
	p.store(r.shard)
}

func (p *poller) drain(ctx context.Context, shards []int) {
	if p.Stuck > 0 {
		lasts(p.Stuck)
	}
	for {
		busy := 0
		p.mu.Lock()
		for _, s := range shards {
			busy += p.busy[s]
		}
		p.mu.Unlock()
		if busy == 0 || ctx.Err() != nil {
			return
		}
		lasts(time.Millisecond)
	}
}

func (p *poller) export(shards []int, write func(int, []byte, int)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range shards {
		if p.last[s] != "" {
			write(s, []byte(p.last[s]), 1)
		}
	}
	return nil
}

func (p *poller) take(t shard.Taken) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case t.State != nil:
		p.last[t.Shard] = string(t.State)
	case p.tenure[t.Shard] != t.Last && !p.Breakage.NoDrop:
		delete(p.last, t.Shard)
	}
	p.tenure[t.Shard] = t.Tenure
	p.store(t.Shard)
	return 1, nil
}

func (p *poller) drop(shards []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range shards {
		delete(p.last, s)
		delete(p.tenure, s)
		_ = os.Remove(p.file(s))
	}
}

func (p *poller) file(shard int) string { return filepath.Join(p.Storage, strconv.Itoa(shard)) }

// store keeps a shard in the folder; the caller has the lock.
func (p *poller) store(shard int) {
	if p.Storage != "" {
		_ = os.WriteFile(p.file(shard), []byte(p.tenure[shard]+" "+p.last[shard]), 0o600)
	}
}

func (p *poller) restore() {
	if p.Storage == "" {
		return
	}
	for s := range p.Shards {
		data, err := os.ReadFile(p.file(s))
		if tenure, last, ok := strings.Cut(string(data), " "); err == nil && ok {
			p.tenure[s], p.last[s] = tenure, last
		}
	}
}
