package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

// start begins a request and returns where its result comes.
func start(ctx context.Context, e *engine.Engine, t *engine.Target, r *engine.Request) <-chan *engine.Result {
	done := make(chan *engine.Result, 1)
	e.Start(ctx, t, r, func(result *engine.Result) { done <- result })
	return done
}

// TestInFlightOfADevice has an agent that keeps requests back: so many come, and no more, whoever asks.
func TestInFlightOfADevice(t *testing.T) {
	for _, limit := range []int{0, 1, 5} {
		var held []*agenttest.Request
		e, s, target := hostile(t, func(s *agenttest.Server, r *agenttest.Request) {
			if held = append(held, r); r.Number == 1 {
				s.Reply(r)
				held = nil
			}
		})
		public(target).Timeout, target.InFlight = time.Hour, limit
		require.NoError(t, e.Do(context.Background(), target, scalar).Err)
		var results []<-chan *engine.Result
		for range 10 {
			results = append(results, start(context.Background(), e, target, &engine.Request{Columns: columns(3)}))
		}
		want := limit
		if limit == 0 {
			want = engine.DefaultInFlight
		}
		eventually(t, func() bool { s.Lock(); defer s.Unlock(); return len(held) == want })
		assert.Equal(t, want, e.Counters().InFlight)
		s.Lock()
		assert.Len(t, held, want)
		s.Respond = nil
		for _, r := range held {
			s.Reply(r)
		}
		s.Unlock()
		for _, done := range results {
			require.NoError(t, (<-done).Err)
		}
	}
}

// TestSilentDeviceGetsOneRequest asks a device that never answered: one request at a time.
func TestSilentDeviceGetsOneRequest(t *testing.T) {
	e, s, target := hostile(t, func(*agenttest.Server, *agenttest.Request) {})
	public(target).Timeout = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	var results []<-chan *engine.Result
	for range 10 {
		results = append(results, start(ctx, e, target, scalar))
	}
	eventually(t, func() bool { return s.Requests() == 1 })
	assert.Equal(t, 1, e.Counters().InFlight)
	cancel()
	for _, done := range results {
		assert.ErrorIs(t, (<-done).Err, context.Canceled)
	}
	assert.Equal(t, 0, e.Counters().InFlight)
}

func TestPacketsPerSecond(t *testing.T) {
	e, s, target := hostile(t, nil)
	public(target).PacketsPerSecond = 200
	began := time.Now()
	for range 50 {
		require.NoError(t, e.Do(context.Background(), target, scalar).Err)
	}
	assert.GreaterOrEqual(t, time.Since(began), (50-20)*time.Second/200)
	assert.Equal(t, 50, s.Requests())
}

// TestDeadDevicesDelayNobody has room for two requests and many dead devices, whose time-outs are an hour.
func TestDeadDevicesDelayNobody(t *testing.T) {
	e, err := engine.New(engine.Options{InFlight: 2})
	require.NoError(t, err)
	silent := agenttest.Start(t, "udp4", &agenttest.Server{Community: "none"})
	living := agenttest.Start(t, "udp4", &agenttest.Server{Source: table(t, 30)})
	var results []<-chan *engine.Result
	for i := range 20 {
		// All of 127.0.0.0/8 leads to the port, or to nobody.
		_, port, _ := strings.Cut(silent.Address(), ":")
		target := public(&engine.Target{Address: fmt.Sprintf("127.0.7.%d:%s", i+1, port), Timeout: time.Hour})
		results = append(results, start(context.Background(), e, target, scalar))
	}
	for range 5 {
		result := e.Do(context.Background(), public(&engine.Target{Address: living.Address(), Timeout: time.Hour}), &engine.Request{Columns: columns(1)})
		require.NoError(t, result.Err)
		assert.Equal(t, 30, result.Columns[0].Len())
	}
	require.NoError(t, e.Close())
	for _, done := range results {
		assert.ErrorIs(t, (<-done).Err, engine.ErrClosed)
	}
}

// TestContextEnds keeps what came before the end of the context.
func TestContextEnds(t *testing.T) {
	for name, cancelled := range map[string]bool{"deadline": false, "cancel": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			if !cancelled {
				ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
			}
			defer cancel()
			e, _, target := hostile(t, func(s *agenttest.Server, r *agenttest.Request) {
				if r.Number < 3 {
					s.Reply(r)
				} else if cancelled {
					cancel()
				}
			})
			public(target).Timeout, target.InFlight = time.Hour, 1
			result := e.Do(ctx, target, &engine.Request{Get: []ber.OID{ber.MustOID("1.3.1.3.0")}, Columns: columns(2)})
			if cancelled {
				require.ErrorIs(t, result.Err, context.Canceled)
			} else {
				require.ErrorIs(t, result.Err, context.DeadlineExceeded)
				require.ErrorIs(t, result.Err, engine.ErrTimeout)
				assert.Regexp(t, `^r1 \(.*\): no answer before the deadline: context deadline exceeded$`, result.Err.Error())
			}
			assert.Equal(t, "12345", result.Variables[0].Value.Text())
			assert.Positive(t, result.Columns[0].Len())
			assert.True(t, result.Columns[0].Partial())
			late := e.Do(ctx, target, scalar)
			assert.ErrorIs(t, late.Err, ctx.Err())
			assert.Equal(t, 0, late.Stats.Sent)
		})
	}
}

func TestClosedEngine(t *testing.T) {
	e, err := engine.New(engine.Options{})
	require.NoError(t, err)
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	for _, address := range []string{"127.0.0.1:1", "localhost:1"} {
		assert.ErrorIs(t, e.Do(context.Background(), &engine.Target{Address: address}, scalar).Err, engine.ErrClosed)
	}
}

// TestManyDevicesWait has many requests under way at a time: no goroutine and no socket is a device's own.
func TestManyDevicesWait(t *testing.T) {
	e := newEngine(t)
	const devices = 300
	var mu sync.Mutex
	var held []func()
	var targets []*engine.Target
	for range devices {
		s := &agenttest.Server{Source: table(t, 5)}
		s.Respond = func(r *agenttest.Request) {
			mu.Lock()
			defer mu.Unlock()
			held = append(held, func() { s.Reply(r) })
		}
		agenttest.Start(t, "udp4", s)
		targets = append(targets, public(&engine.Target{Address: s.Address(), Timeout: time.Hour}))
	}
	before, socketsBefore := runtime.NumGoroutine(), sockets(t)
	var all sync.WaitGroup
	for _, target := range targets {
		all.Add(1)
		e.Start(context.Background(), target, scalar, func(r *engine.Result) {
			assert.NoError(t, r.Err)
			all.Done()
		})
	}
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(held) == devices })
	assert.LessOrEqual(t, runtime.NumGoroutine(), before+8)
	if socketsBefore >= 0 {
		assert.LessOrEqual(t, sockets(t), socketsBefore+4)
	}
	for _, reply := range held {
		reply()
	}
	all.Wait()
	c := e.Counters()
	assert.Equal(t, [5]int{devices, devices, 0, 0, devices}, [5]int{int(c.Sent), int(c.Received), int(c.Retries), c.InFlight, c.Devices})
}

// sockets is how many this process has, -1 if that cannot be told.
func sockets(t *testing.T) (n int) {
	files, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	if len(files) == 0 {
		return -1
	}
	for _, file := range files {
		if link, _ := os.Readlink(file); strings.HasPrefix(link, "socket:") {
			n++
		}
	}
	return n
}

func TestAddresses(t *testing.T) {
	e := newEngine(t)
	s := agenttest.Start(t, "udp4", &agenttest.Server{Source: table(t, 5)})
	_, port, _ := strings.Cut(s.Address(), ":")
	result := e.Do(context.Background(), public(&engine.Target{Address: "localhost:" + port}), scalar)
	require.NoError(t, result.Err)
	for address, want := range map[string]string{
		"":                `: address "" has no host`,
		":161":            `:161: address ":161" has no host`,
		"host:":           `host:: address "host:": the port must be a number from 1 to 65535`,
		"host:0":          `host:0: address "host:0": the port must be a number from 1 to 65535`,
		"host:65536":      `host:65536: address "host:65536": the port must be a number from 1 to 65535`,
		"::1:21611":       `::1:21611: address "::1:21611" is not of the form [IPv6]:port`,
		"[::1":            `[::1: address "[::1" is not of the form [IPv6]:port`,
		"[::1]x":          `[::1]x: address "[::1]x" is not of the form [IPv6]:port`,
		"[::1]:":          `[::1]:: address "[::1]:": the port must be a number from 1 to 65535`,
		"[host]:161":      `[host]:161: address "[host]:161" is not of the form [IPv6]:port`,
		"fe80::1%nowhere": `fe80::1%nowhere: not reachable: route ip+net: no such network interface`,
	} {
		result := e.Do(context.Background(), public(&engine.Target{Address: address}), scalar)
		assert.EqualError(t, result.Err, want)
	}
	large := &engine.Bulk{OIDs: make([]ber.OID, 20000)}
	result = e.Do(context.Background(), public(&engine.Target{Address: s.Address()}), &engine.Request{Bulk: large})
	assert.EqualError(t, result.Err, s.Address()+": a request of 140038 bytes, limit is 65507")
	_, err := engine.New(engine.Options{SourceAddresses: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}})
	assert.EqualError(t, err, "source addresses [127.0.0.1 127.0.0.2]: at most one of IPv4 and one of IPv6 can be used")
}

// TestSourceAddress has requests come from an address.
func TestSourceAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8")
	}
	e, err := engine.New(engine.Options{SourceAddresses: []netip.Addr{netip.MustParseAddr("127.0.3.4")}})
	require.NoError(t, err)
	defer e.Close()
	var from netip.Addr
	s := &agenttest.Server{Source: table(t, 5)}
	s.Respond = func(r *agenttest.Request) { from = r.From.Addr(); s.Reply(r) }
	agenttest.Start(t, "udp4", s)
	require.NoError(t, e.Do(context.Background(), public(&engine.Target{Address: s.Address()}), scalar).Err)
	s.Lock()
	defer s.Unlock()
	assert.Equal(t, "127.0.3.4", from.String())
}

// TestLearnsWhatADeviceCannot polls agents again and again that do not answer what is large, by an error or not at all. What
// was learned is kept, and now and then more is tried.
func TestLearnsWhatADeviceCannot(t *testing.T) {
	t.Parallel()
	for name, silent := range map[string]bool{"too big": false, "silent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := 500
			e, s, target := hostile(t, func(s *agenttest.Server, r *agenttest.Request) {
				p := s.Answer(r)
				packet := s.Packet(r, p)
				switch {
				case len(packet) <= limit:
					s.Send(packet, r.From)
				case !silent:
					s.Send(s.Packet(r, message.PDU{Type: message.Response, ID: p.ID, Status: message.TooBig, Variables: r.PDU.Variables}), r.From)
				}
			})
			public(target).Retries, target.Timeout = 4, 100*time.Millisecond
			poll := func() engine.Stats {
				result := e.Do(context.Background(), target, &engine.Request{Columns: columns(3)})
				require.NoError(t, result.Err)
				for i := range 3 {
					require.Equal(t, 48, result.Columns[i].Len())
				}
				return result.Stats
			}
			failures := func(s engine.Stats) int { return s.TooBig + s.Retries }
			assert.Positive(t, failures(poll()))
			device := netip.MustParseAddrPort(s.Address())
			known, _ := e.Device(device)
			assert.LessOrEqual(t, known.AnswerSize, 1400/2)
			assert.Positive(t, known.Halved)
			if silent {
				return
			}
			failed := 0
			for range 50 {
				failed += failures(poll())
			}
			assert.LessOrEqual(t, failed, 10, "it was learned what fits")
			s.Lock()
			limit = 2000
			s.Unlock()
			for range 2000 {
				if known, _ = e.Device(device); known.AnswerSize == 1400 {
					break
				}
				poll()
			}
			assert.Equal(t, 1400, known.AnswerSize, "it grew again")
		})
	}
}

// TestOneColumnWithoutAnswer walks a table of an agent that answers nothing where one of its columns is asked for. Only that one
// fails, and the next time it keeps the others waiting no more.
func TestOneColumnWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"1.3.2.1.1", "1.3.2.1.2", "1.3.2.1.3"} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			e, _, target := hostile(t, func(s *agenttest.Server, r *agenttest.Request) {
				for _, one := range variables(r.PDU.Variables) {
					raw, _, _ := ber.ReadVarBind(one)
					if name, _ := ber.ParseContent(raw.OID); strings.HasPrefix(name.String(), bad) {
						return
					}
				}
				s.Reply(r)
			})
			public(target).Timeout = 100 * time.Millisecond
			var retries [3]int
			for i := range retries {
				result := e.Do(context.Background(), target, &engine.Request{Get: []ber.OID{ber.MustOID("1.3.1.3.0")}, Columns: columns(3)})
				require.ErrorIs(t, result.Err, engine.ErrTimeout)
				assert.Equal(t, "12345", result.Variables[0].Value.Text())
				for c := range result.Columns {
					if result.Columns[c].Base.String() == bad {
						assert.ErrorIs(t, result.Columns[c].Err, engine.ErrTimeout)
					} else {
						require.NoError(t, result.Columns[c].Err)
						assert.Equal(t, 48, result.Columns[c].Len())
					}
				}
				retries[i] = result.Stats.Retries
			}
			assert.Equal(t, [2]int{1, 1}, [2]int(retries[1:]), "of the bad column alone")
			whole := e.Do(context.Background(), target, &engine.Request{Get: []ber.OID{ber.MustOID(bad + ".1")}})
			require.ErrorIs(t, whole.Err, engine.ErrTimeout)
		})
	}
}

// TestLargeValues has values that make answers of many packets.
func TestLargeValues(t *testing.T) {
	text := strings.Builder{}
	for row := range 40 {
		fmt.Fprintf(&text, "1.3.2.1.1.%d|4|%s\n1.3.2.1.2.%d|4|\n", row+1, strings.Repeat("x", 100*row), row+1)
	}
	r, err := snmprec.Parse("", []byte(text.String()))
	require.NoError(t, err)
	s := agenttest.Start(t, "udp4", &agenttest.Server{Source: r})
	for _, plain := range []bool{false, true} {
		e := newEngine(t)
		if plain {
			e.UsePlainSockets()
		}
		for range 3 {
			result := e.Do(context.Background(), public(&engine.Target{Address: s.Address()}), &engine.Request{Columns: columns(2)})
			require.NoError(t, result.Err)
			for row := range 40 {
				require.Len(t, result.Columns[0].Value(row).Bytes(), 100*row)
				require.Empty(t, result.Columns[1].Value(row).Bytes())
			}
			assert.Equal(t, 40, result.Columns[1].Len())
		}
	}
}
