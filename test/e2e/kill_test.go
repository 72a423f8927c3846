//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// killYAML is a Collector that acknowledges a batch when the next in line has it.
const killYAML = `
extensions:
  file_storage: {directory: %[1]s/state, create_directory: true}
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%[2]d"}}}
processors:
  panoptes_rate:
    storage: file_storage
    transforms: ["t = rate:t:c"]
exporters:
  otlphttp:
    endpoint: %[3]s
    encoding: json
    compression: none
    retry_on_failure: {enabled: false}
    sending_queue: {enabled: false}
service:
  extensions: [file_storage]
  pipelines:
    metrics: {receivers: [otlp], processors: [panoptes_rate], exporters: [otlphttp]}
  telemetry: {metrics: {level: none}, logs: {level: warn}}
`

// counted is a counter whose every value is known.
type counted struct {
	interval  time.Duration
	next      time.Time // when its next point is due
	value     int64
	last      *countedPoint  // the last that came out of the Collector
	lost      []countedPoint // later ones that did not
	forgiven  bool           // one rate may be missing, since the Collector was killed
	restarted bool           // the Collector was, after last
}

type countedPoint struct{ millis, value int64 }

// killed is a Collector that is killed again and again, and the counters that pass through it.
type killed struct {
	t        *testing.T
	random   *rand.Rand
	dir      string
	endpoint string

	mu       sync.Mutex
	counters []*counted
	sent     map[int]countedPoint // under way, by counter

	kills, stops, rates, missing, kept int
}

// TestKilledCollector kills the built Collector at random moments: while it starts, restores, takes points, saves and
// stops. No rate that comes out may be wrong, and of each series one may be missing for each kill, none for a planned
// restart. PANOPTES_KILLS is how often it is killed.
func TestKilledCollector(t *testing.T) {
	needsNoKafka(t)
	kills := 12
	if text := os.Getenv("PANOPTES_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	const collectors = 6
	for i := range collectors {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			k := newKilled(t, rand.New(rand.NewPCG(seed, 0)))
			for k.kills < (kills+collectors-1)/collectors && !t.Failed() {
				k.cycle()
			}
			k.run(2*time.Second, syscall.SIGTERM) // what the last kill has left is right, too
			t.Logf("%d kills, %d planned restarts; %d rates, all right; %d missing, all forgiven; %d right after a kill",
				k.kills, k.stops, k.rates, k.missing, k.kept)
			require.Positive(t, k.rates)
		})
	}
}

func newKilled(t *testing.T, random *rand.Rand) *killed {
	k := &killed{t: t, random: random, dir: t.TempDir(), sent: map[int]countedPoint{}}
	sink := httptest.NewServer(http.HandlerFunc(k.receive))
	t.Cleanup(sink.Close)
	port := freePort(t)
	k.endpoint = fmt.Sprintf("http://127.0.0.1:%d/v1/metrics", port)
	write(t, filepath.Join(k.dir, "collector.yaml"), fmt.Sprintf(killYAML, k.dir, port, sink.URL))
	for i := range 120 {
		interval := []time.Duration{time.Second, 5 * time.Second, 20 * time.Second}[i%3]
		k.counters = append(k.counters, &counted{
			interval: interval,
			next:     time.Now().Add(time.Duration(random.Int64N(int64(interval)))),
		})
	}
	return k
}

// cycle is one life of the Collector.
func (k *killed) cycle() {
	life := time.Duration(k.random.Int64N(int64(15 * time.Second))) // one or two times to save
	switch k.random.IntN(6) {
	case 0, 1: // soon
		k.run(life/10, syscall.SIGKILL)
	case 2: // in the midst of an orderly end
		k.run(life/5, syscall.SIGTERM, syscall.SIGKILL)
	case 3:
		k.run(life/5, syscall.SIGTERM)
	default:
		k.run(life, syscall.SIGKILL)
	}
}

// run starts the Collector, sends it points for a time, and ends it by signals with a short pause between them.
func (k *killed) run(life time.Duration, signals ...syscall.Signal) {
	logFile, err := os.OpenFile(filepath.Join(k.dir, "collector.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(k.t, err)
	defer logFile.Close()
	cmd := exec.Command(binary(k.t, "panoptes-otelcol"), "--config", filepath.Join(k.dir, "collector.yaml"))
	cmd.Stdout, cmd.Stderr = logFile, logFile
	require.NoError(k.t, cmd.Start())
	var ended error
	done := make(chan struct{})
	go func() {
		ended = cmd.Wait()
		close(done)
	}()
	end := time.NewTimer(life)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for alive := true; alive; {
		select {
		case <-tick.C:
			k.send()
		case <-end.C:
			alive = false
		case <-done:
			text, _ := os.ReadFile(logFile.Name())
			k.t.Fatalf("the Collector ended of itself: %v\n%s", ended, tail(string(text), 4000))
		}
	}
	if signals[0] == syscall.SIGTERM {
		k.waitUntilUp(done) // before that the signal is not handled, and ends the process like any other
	}
	pause := time.Duration(k.random.Int64N(int64(20 * time.Millisecond)))
	// Points are under way when the signal comes. Until they are sent, what is random is for them alone.
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		k.send()
	}()
	for i, s := range signals {
		if i > 0 {
			select {
			case <-done:
			case <-time.After(pause):
			}
		}
		_ = cmd.Process.Signal(s)
	}
	select {
	case <-done:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		k.t.Fatalf("the Collector did not end within %s of %v", patience, signals)
	}
	<-sending
	k.mu.Lock()
	defer k.mu.Unlock()
	planned := ended == nil
	if planned {
		k.stops++
	} else {
		k.kills++
	}
	for _, c := range k.counters {
		c.forgiven = c.forgiven || !planned
		c.restarted = !planned
	}
}

// waitUntilUp waits until the Collector takes points.
func (k *killed) waitUntilUp(done <-chan struct{}) {
	waitFor(k.t, "start of the Collector", func() (bool, string) {
		select {
		case <-done:
			k.t.Fatal("the Collector ended of itself")
		default:
		}
		resp, err := http.Post(k.endpoint, "application/json", bytes.NewReader([]byte("{}")))
		if err != nil {
			return false, err.Error()
		}
		resp.Body.Close()
		return true, ""
	})
}

// send sends the points that are due, and waits until they are through or the Collector is dead.
func (k *killed) send() {
	k.mu.Lock()
	md := pmetric.NewMetrics()
	now := time.Now()
	scopes := map[time.Duration]pmetric.NumberDataPointSlice{}
	for i, c := range k.counters {
		if now.Before(c.next) {
			continue
		}
		for !now.Before(c.next) {
			c.next = c.next.Add(c.interval)
		}
		p := countedPoint{millis: now.UnixMilli()}
		if low := c.lowest(); low > 0 && k.random.IntN(10) == 0 {
			c.value = k.random.Int64N(low) // the counter began anew
		} else {
			c.value += k.random.Int64N(1 << 40)
		}
		p.value = c.value
		k.sent[i] = p
		scope, ok := scopes[c.interval]
		if !ok {
			scope = newPoints(md, c.interval)
			scopes[c.interval] = scope
		}
		dp := scope.AppendEmpty()
		dp.Attributes().PutStr("n", strconv.Itoa(i))
		dp.SetTimestamp(pcommon.Timestamp(p.millis * 1e6))
		dp.SetIntValue(p.value)
	}
	points := len(k.sent)
	k.mu.Unlock()
	if points == 0 {
		return
	}
	body, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	require.NoError(k.t, err)
	if resp, err := http.Post(k.endpoint, "application/json", bytes.NewReader(body)); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		assert.Equal(k.t, http.StatusOK, resp.StatusCode)
	}
	// What has not come out by now will not come any more.
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, p := range k.sent {
		k.counters[i].lost = append(k.counters[i].lost, p)
	}
	clear(k.sent)
}

func newPoints(md pmetric.Metrics, interval time.Duration) pmetric.NumberDataPointSlice {
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("panoptes.resource.id", "r")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().Attributes().PutStr("panoptes.metrics_group.type", "t")
	sm.Scope().Attributes().PutInt("panoptes.metrics_group.interval", int64(interval/time.Second))
	m := sm.Metrics().AppendEmpty()
	m.SetName("t.c")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return sum.DataPoints()
}

// receive is what comes out of the Collector.
func (k *killed) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was killed while it wrote: nobody has seen this
	}
	md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(body)
	if !assert.NoError(k.t, err, string(body)) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			rates := map[string]float64{}
			for _, m := range sm.Metrics().All() {
				if m.Type() == pmetric.MetricTypeGauge {
					for _, dp := range m.Gauge().DataPoints().All() {
						n, _ := dp.Attributes().Get("n")
						rates[n.Str()] = dp.DoubleValue()
					}
				}
			}
			for _, dp := range sm.Metrics().At(0).Sum().DataPoints().All() {
				n, _ := dp.Attributes().Get("n")
				i, _ := strconv.Atoi(n.Str())
				rate, ok := rates[n.Str()]
				k.check(i, dp, rate, ok)
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{}"))
}

// check compares a point that came out, and its rate, with what is known of its counter.
func (k *killed) check(i int, dp pmetric.NumberDataPoint, rate float64, rated bool) {
	c := k.counters[i]
	p, ok := k.sent[i]
	if !ok || p.millis != int64(dp.Timestamp()/1e6) {
		return // the test has given it up
	}
	delete(k.sent, i)
	right, due := c.rates(p)
	switch {
	case rated:
		k.rates++
		assert.Contains(k.t, right, rate, "counter %d: %+v after %+v, lost %+v", i, p, c.last, c.lost)
		if c.restarted {
			k.kept++
		}
	case due:
		k.missing++
		assert.True(k.t, c.forgiven, "counter %d: no rate of %+v after %+v, lost %+v", i, p, c.last, c.lost)
	}
	c.last, c.lost, c.forgiven, c.restarted = &p, nil, false, false
}

// bases are what a rate may be made with: the last point that came out, or one since that was lost, which the Collector
// may or may not have seen.
func (c *counted) bases() []countedPoint {
	if c.last == nil {
		return c.lost
	}
	return append([]countedPoint{*c.last}, c.lost...)
}

// lowest is the lowest value of all bases: below it a reset is seen, whichever is taken.
func (c *counted) lowest() int64 {
	low := c.value
	for _, b := range c.bases() {
		low = min(low, b.value)
	}
	return low
}

// rates are the rates that are right for p. One is due if every base gives one.
func (c *counted) rates(p countedPoint) (rates []float64, due bool) {
	for _, b := range c.bases() {
		if dt := p.millis - b.millis; dt > 0 && dt <= 3*c.interval.Milliseconds() && p.value >= b.value {
			rates = append(rates, rateBetween(b.value, p.value, dt))
		}
	}
	return rates, c.last != nil && len(rates) == 1+len(c.lost)
}

// rateBetween is the rate as documented: integers are subtracted as integers, and what is nearest is what is given.
func rateBetween(old, value, dt int64) float64 {
	f, _ := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(value-old), big.NewInt(1000)), big.NewInt(dt)).Float64()
	return f
}
