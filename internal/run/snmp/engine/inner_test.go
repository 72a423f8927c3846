package engine

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// TestAlarmsRingInOrder compares the heap with a sorted list.
func TestAlarmsRingInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := make([]alarm, 20)
		var heap alarms
		want := map[*alarm]int64{}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			a := &all[rapid.IntRange(0, len(all)-1).Draw(t, "which")]
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				heap.callOff(a)
				delete(want, a)
			} else {
				at := rapid.Int64Range(0, 30).Draw(t, "at")
				heap.set(a, at)
				want[a] = at
			}
		}
		var times, got []int64
		for _, at := range want {
			times = append(times, at)
		}
		slices.SortFunc(times, cmp.Compare[int64])
		for len(heap) > 0 {
			got = append(got, heap[0].at)
			heap.callOff(heap[0])
		}
		assert.Equal(t, times, got)
	})
}

// FuzzUsual takes lists of variables by the short way and by the long one, with the same rows.
func FuzzUsual(f *testing.F) {
	add := func(variables ...string) {
		var list []byte
		for i, name := range variables {
			list, _ = ber.AppendVarBind(list, ber.Variable{Name: ber.MustOID(name), Value: ber.NumberValue(ber.Counter64, uint64(i)<<(8*i))})
		}
		f.Add(list)
	}
	const a, b = "1.3.6.1.2.1.2.2.1.1", "1.3.6.1.2.1.2.2.1.2"
	add(a+".1", b+".1", a+".2", b+".2")
	add(a+".1", b+".1", a+".3", b+".2", a+".4", b+".4")
	add(a+".1", b+".1", a+".1", b+".3")
	add(a+".1.1", b+".1.1", a+".1.2", b+".1.2", b+".1", "1.3.6.1.2.1.2.2.1.3.1")
	add(a+".127", b+".127", a+".128", b+".128", a+".300", b+".16384")
	add(a, b+".0", a+".0")
	f.Fuzz(func(t *testing.T, list []byte) {
		var results [2]*Result
		for i := range results {
			j := newJob(&Target{}, &Request{Columns: []Column{{Base: ber.MustOID(a)}, {Base: ber.MustOID(b)}}, MaxRows: 9})
			m := newMemory()
			j.attach(&m, &planner{})
			if i == 1 {
				j.columns[0].usual, j.columns[1].usual = 0, 0
			}
			j.take(&exchange{job: j, columns: []int32{0, 1}}, shape{columns: 2, rows: 100}, list)
			results[i] = j.result()
		}
		for c := range results[0].Columns {
			x, y := &results[0].Columns[c], &results[1].Columns[c]
			require.Equal(t, y.Len(), x.Len())
			require.Equal(t, y.Err, x.Err)
			for row := range x.Len() {
				require.Equal(t, y.Index(row), x.Index(row))
				require.Equal(t, y.Value(row), x.Value(row))
				if row > 0 {
					require.Equal(t, -1, x.Index(row-1).Compare(x.Index(row)))
				}
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory()
	for i := range 10 * mostLearned {
		m.keep(learned{key: uint32(i), rows: 5, bytes: 20})
		m.keep(learned{key: uint32(i), rows: 6, bytes: 20})
	}
	assert.Len(t, m.columns, mostLearned)
	assert.Equal(t, learned{key: 10*mostLearned - 1, rows: 6, bytes: 20}, m.find(10*mostLearned-1))
	assert.Equal(t, learned{key: 3}, m.find(3))
	for range 100 {
		m.shrink(int(m.answer))
	}
	assert.Equal(t, smallestAnswer, int(m.answer))
}

// TestDevicesAreBounded makes room for new devices: those that were not used for long go, those in use stay.
func TestDevicesAreBounded(t *testing.T) {
	e, err := New(Options{})
	require.NoError(t, err)
	defer e.Close()
	l := e.loops[0]
	l.mu.Lock()
	defer l.leave()
	busy := l.device(netip.MustParseAddrPort("10.0.0.1:161"), 0)
	busy.add(&job{})
	for i := range mostDevices + 100 {
		l.device(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1 + byte(i>>16), byte(i >> 8), byte(i)}), 161), int64(i))
	}
	assert.Equal(t, mostDevices/loops(), len(l.devices))
	assert.Same(t, busy, l.devices[busy.addr])
	busy.jobs = nil
}

// fakeSocket is a socket whose losses a test says.
type fakeSocket struct {
	dropped uint32
	fails   error
}

func (s *fakeSocket) lost() uint32                { return s.dropped }
func (s *fakeSocket) Close() error                { return nil }
func (s *fakeSocket) room() int                   { return 1000 }
func (s *fakeSocket) receive(*inbox) (int, error) { return 0, net.ErrClosed }
func (s *fakeSocket) send(out *outbox) {
	for i := range out.packets {
		out.fail(i, s.fails)
	}
}

// TestPacketsThatCannotBeSent tells those for which there is no way from those for which there is no room now.
func TestPacketsThatCannotBeSent(t *testing.T) {
	for _, c := range []struct{ fails, want error }{{syscall.ENETUNREACH, ErrUnreachable}, {syscall.ENOBUFS, ErrTimeout}} {
		e, err := New(Options{})
		require.NoError(t, err)
		e.open = func(string, netip.Addr) (socket, error) { return &fakeSocket{fails: c.fails}, nil }
		result := e.Do(context.Background(), &Target{Address: "10.0.0.1", Timeout: 10 * time.Millisecond}, &Request{Get: []ber.OID{ber.MustOID("1.3")}})
		assert.ErrorIs(t, result.Err, c.want)
		require.NoError(t, e.Close())
		e, err = New(Options{})
		require.NoError(t, err)
		e.open = func(string, netip.Addr) (socket, error) { return nil, syscall.EMFILE }
		result = e.Do(context.Background(), &Target{Address: "10.0.0.1"}, &Request{Get: []ber.OID{ber.MustOID("1.3")}})
		assert.EqualError(t, result.Err, "10.0.0.1: not reachable: too many open files")
		require.NoError(t, e.Close())
	}
}

// TestWindowFollowsLosses halves the number of requests under way when the system drops answers, and raises it again.
func TestWindowFollowsLosses(t *testing.T) {
	e, err := New(Options{InFlight: 1024 * loops()})
	require.NoError(t, err)
	defer e.Close()
	l := e.loops[0]
	l.mu.Lock()
	defer l.leave()
	s := &fakeSocket{}
	l.conns[0] = &conn{socket: s}
	second := int64(time.Second)
	l.checkWindow(second)
	assert.Equal(t, 1024, l.window)
	s.dropped = 3
	l.checkWindow(2 * second)
	assert.Equal(t, 512, l.window)
	l.checkWindow(2*second + 1)
	assert.Equal(t, 512, l.window, "once a second")
	l.checkWindow(3 * second)
	assert.Equal(t, 576, l.window)
	for i := range int64(20) {
		s.dropped++
		l.checkWindow((4 + i) * second)
	}
	assert.Equal(t, leastPlaces, l.window)
	assert.Equal(t, uint64(23), l.counters.Overflows)
}

// TestNamesAreLookedUpOnce looks names up, of which the answers are kept, also over an outage.
func TestNamesAreLookedUpOnce(t *testing.T) {
	r := newResolver()
	defer r.close()
	asked := make(chan string)
	answer := make(chan error)
	r.lookup = func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		select {
		case asked <- network + " " + host:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := <-answer; err != nil {
			return nil, err
		}
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	}
	type outcome struct {
		addr netip.Addr
		err  error
	}
	got := make(chan outcome, 10)
	then := func(addr netip.Addr, err error) { got <- outcome{addr, err} }
	r.resolve("a", then)
	r.resolve("a", then)
	assert.Equal(t, "ip4 a", <-asked)
	answer <- nil
	want := outcome{addr: netip.MustParseAddr("10.0.0.1")}
	assert.Equal(t, want, <-got)
	assert.Equal(t, want, <-got)
	r.resolve("a", then)
	assert.Equal(t, want, <-got, "it is known")
	r.mu.Lock()
	r.names["a"].until = time.Time{}
	r.mu.Unlock()
	outage := errors.New("no server")
	fail := func(host string) {
		for _, network := range []string{"ip4 ", "ip6 "} {
			assert.Equal(t, network+host, <-asked)
			answer <- outage
		}
	}
	r.resolve("a", then)
	fail("a")
	assert.Equal(t, want, <-got, "the old address serves until there is another")
	r.resolve("b", then)
	fail("b")
	assert.Equal(t, outcome{err: outage}, <-got)
	r.mu.Lock()
	delete(r.names, "b")
	r.forget()
	assert.Empty(t, r.names)
	r.mu.Unlock()
	r.resolve("c", then)
	r.close()
	assert.ErrorIs(t, (<-got).err, context.Canceled)
}
