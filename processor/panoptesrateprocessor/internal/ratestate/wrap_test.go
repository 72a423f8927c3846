package ratestate

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	const top32, max64 = 1 << 32, math.MaxInt64
	at := func(v int64) Point { return IntPoint(60_000, v) }
	old := func(v int64) Point { return IntPoint(0, v) }
	up := Uptime{Since: 1, Last: 60_000}
	tests := map[string]struct {
		old, p  Point
		terms   Terms
		delta   float64
		outcome Outcome
	}{
		"no width, no guess":            {old(top32 - 1), at(0), Terms{}, 0, Reset},
		"one step":                      {old(top32 - 1), at(0), Terms{Width: Width32}, 1, Rate},
		"over the top":                  {old(top32 - 10), at(50), Terms{Width: Width32}, 60, Rate},
		"just less than half":           {old(1<<31 + 1), at(0), Terms{Width: Width32}, 1<<31 - 1, Rate},
		"half is a reset":               {old(1 << 31), at(0), Terms{Width: Width32}, 0, Reset},
		"far from the top":              {old(1000), at(5), Terms{Width: Width32}, 0, Reset},
		"more than the width":           {old(top32), at(0), Terms{Width: Width32}, 0, Reset},
		"below 0":                       {old(top32 - 1), at(-1), Terms{Width: Width32}, 0, Reset},
		"from below 0":                  {old(-1), at(-2), Terms{Width: Width32}, 0, Reset},
		"35 bits":                       {old(1<<35 - 8), at(52), Terms{Width: 35}, 60, Rate},
		"35 bits, more than the width":  {old(1 << 35), at(52), Terms{Width: 35}, 0, Reset},
		"2 bits":                        {old(3), at(0), Terms{Width: 2}, 1, Rate},
		"a rise is no wrap":             {old(5), at(65), Terms{Width: Width32}, 60, Rate},
		"doubles that are integers":     {FloatPoint(0, top32-10), FloatPoint(60_000, 50), Terms{Width: Width32}, 60, Rate},
		"integer and double":            {old(top32 - 10), FloatPoint(60_000, 50), Terms{Width: Width32}, 60, Rate},
		"doubles that are none":         {FloatPoint(0, top32-10.5), FloatPoint(60_000, 50), Terms{Width: Width32}, 0, Reset},
		"a double of 2^64 in 32 bits":   {FloatPoint(0, 1<<64), FloatPoint(60_000, 50), Terms{Width: Width32}, 0, Reset},
		"64 bits":                       {FloatPoint(0, 1<<64-2048), at(52), Terms{Width: Width64}, 2100, Rate},
		"64 bits, rounded up":           {FloatPoint(0, 1<<64), at(60), Terms{Width: Width64}, 60, Rate},
		"64 bits, as signed":            {old(max64 - 9), at(math.MinInt64 + 50), Terms{Width: Width64}, 60, Rate},
		"64 bits, no int64 is near":     {old(max64), at(0), Terms{Width: Width64}, 0, Reset},
		"beyond 64 bits":                {FloatPoint(0, 1<<65), at(0), Terms{Width: Width64}, 0, Reset},
		"began since":                   {old(top32 - 10), at(50), Terms{Width: Width32, Start: 1}, 0, Reset},
		"began with the last point":     {FloatPoint(1000, 40), at(99), Terms{Start: 1000}, 59, Rate},
		"rose, but began since":         {old(5), at(65), Terms{Start: 1}, 0, Reset},
		"restarted":                     {old(top32 - 10), at(50), Terms{Width: Width32, Uptime: Uptime{60_000, 60_000, true}}, 0, Reset},
		"rose, uptime not seen before":  {old(5), at(65), Terms{Uptime: Uptime{60_000, 60_000, false}}, 0, Reset},
		"rose, but restarted":           {old(5), at(65), Terms{Uptime: Uptime{60_000, 60_000, true}}, 0, Reset},
		"rose after a restart":          {old(5), at(65), Terms{Uptime: Uptime{-5, 60_000, true}}, 60, Rate},
		"rose, uptime a bit late":       {old(5), at(65), Terms{Uptime: Uptime{14_000, 60_000, true}}, 60, Rate},
		"fell, uptime a bit late":       {old(top32 - 10), at(50), Terms{Width: Width32, Uptime: Uptime{14_000, 60_000, true}}, 0, Reset},
		"wraps long after a restart":    {IntPoint(20_000, top32-10), at(50), Terms{Width: Width32, Uptime: Uptime{20_000, 60_000, true}}, 60, Rate},
		"auto without uptime":           {old(top32 - 10), at(50), Terms{Width: WidthAuto}, 0, Reset},
		"auto, 32 bits":                 {old(top32 - 10), at(50), Terms{Width: WidthAuto, Uptime: up}, 60, Rate},
		"auto, 64 bits":                 {old(max64 - 9), at(math.MinInt64 + 50), Terms{Width: WidthAuto, Uptime: up}, 60, Rate},
		"auto, more than 32 bits":       {old(top32), at(50), Terms{Width: WidthAuto, Uptime: up}, 0, Reset},
		"auto, far from the top":        {old(1000), at(5), Terms{Width: WidthAuto, Uptime: up}, 0, Reset},
		"auto, uptime is new":           {old(top32 - 10), at(50), Terms{Width: WidthAuto, Uptime: Uptime{60_000, 60_000, false}}, 0, Reset},
		"auto, uptime is old":           {old(top32 - 10), at(50), Terms{Width: WidthAuto, Uptime: Uptime{1, 44_000, false}}, 0, Reset},
		"auto, uptime is a little late": {old(top32 - 10), at(50), Terms{Width: WidthAuto, Uptime: Uptime{15_000, 45_000, false}}, 60, Rate},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rate, outcome := between(tt.old, tt.p, &tt.terms)
			assert.Equal(t, tt.outcome, outcome)
			assert.Equal(t, tt.delta*1000/float64(tt.p.Millis-tt.old.Millis), rate)
		})
	}
}

// TestWrapIsModulo: whatever a counter of 32 bits counts, as long as it is less than half its range, comes out.
func TestWrapIsModulo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Uint32().Draw(t, "from")
		delta := rapid.Uint32Range(0, 1<<31-1).Draw(t, "delta")
		got, outcome := between(IntPoint(0, int64(from)), IntPoint(1000, int64(from+delta)), &Terms{Width: Width32})
		if outcome != Rate || got != float64(delta) {
			t.Fatalf("%d and %d more: %v, %v", from, delta, got, outcome)
		}
	})
}

func TestDelta(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		p       Point
		start   int64
		rate    float64
		outcome Outcome
	}{
		"integer":         {IntPoint(11_000, 50), 1000, 5, Rate},
		"double":          {FloatPoint(11_000, 5), 1000, 0.5, Rate},
		"nothing":         {IntPoint(11_000, 0), 1000, 0, Rate},
		"beyond 2^53":     {IntPoint(2000, 1<<53+2), 1000, 1<<53 + 2, Rate},
		"below 0":         {IntPoint(11_000, -1), 1000, 0, Reset},
		"double below 0":  {FloatPoint(11_000, -1), 1000, 0, Reset},
		"no window":       {IntPoint(1000, 5), 1000, 0, NotANumber},
		"no start":        {IntPoint(11_000, 50), 0, 0, NotANumber},
		"ends in advance": {IntPoint(1000, 5), 1001, 0, NotANumber},
		"beyond doubles":  {FloatPoint(2, math.MaxFloat64), 1, 0, NotANumber},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rate, outcome := tt.p.Delta(tt.start)
			assert.Equal(t, tt.outcome, outcome)
			assert.Equal(t, tt.rate, rate)
		})
	}
}

func TestUptime(t *testing.T) {
	t.Parallel()
	s, c := newStore(0)
	k := key(s, "uptime")
	const gap = 180_000
	observe := func(millis, value int64) Uptime {
		u, _ := s.ObserveUptime(k, IntPoint(millis, value), gap, s.Time())
		require.Equal(t, u, s.Uptime(k, s.Time()))
		return u
	}
	assert.Zero(t, s.Uptime(k, s.Time()))
	assert.Equal(t, Uptime{1000, 1000, false}, observe(1000, 500))
	assert.Equal(t, Uptime{1000, 2000, false}, observe(2000, 600))
	assert.Equal(t, Uptime{1000, 2000, false}, observe(2000, 1), "twice")
	assert.Equal(t, Uptime{1000, 2000, false}, observe(1500, 1), "late")
	assert.Equal(t, Uptime{3000, 3000, true}, observe(3000, 5))
	assert.Equal(t, Uptime{3000, 4000, true}, observe(4000, 6))
	assert.Equal(t, Uptime{5000, 5000, true}, observe(5000, 0))
	c.advance(183 * time.Second)
	assert.Zero(t, s.Uptime(k, s.Time()))
	assert.Equal(t, Uptime{6000, 6000, false}, observe(6000, 700), "nothing is known of the time between")
	assert.Equal(t, 1, s.Len())
}

func TestUptimeEvicts(t *testing.T) {
	t.Parallel()
	s, _ := newStore(1)
	s.Observe(key(s, "a"), IntPoint(0, 0), every(60), 0)
	_, evicted := s.ObserveUptime(key(s, "uptime"), IntPoint(0, 0), 180_000, 0)
	assert.True(t, evicted)
	assert.Equal(t, 1, s.Len())
}

// TestForgotten: why a series that comes again has no rate, and for how long it was silent.
func TestForgotten(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		pause  time.Duration
		millis int64
		swept  bool
		want   Result
	}{
		"evicted":                 {want: Result{Outcome: Evicted, Evicted: true}},
		"expired":                 {pause: 200 * time.Second, millis: 200_000, want: Result{Outcome: Gap, Apart: 180_001}},
		"expired and swept":       {pause: 200 * time.Second, millis: 200_000, swept: true, want: Result{Outcome: Gap, Apart: 180_001}},
		"expired, by late points": {pause: 200 * time.Second, millis: 60_000, want: Result{Outcome: First}},
		"gone for long":           {pause: time.Hour, millis: 3_600_000, want: Result{Outcome: First}},
		"gone for long and swept": {pause: time.Hour, millis: 3_600_000, swept: true, want: Result{Outcome: First}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := newStore(1)
			observe := func(name string, millis int64) Result {
				return s.Observe(key(s, name), IntPoint(millis, 0), every(60), s.Time())
			}
			observe("a", 0)
			c.advance(tt.pause)
			switch {
			case tt.swept:
				require.Equal(t, 1, s.Sweep(1))
			case tt.pause == 0:
				require.Equal(t, Result{Outcome: First, Evicted: true}, observe("b", 0))
			}
			assert.Equal(t, tt.want, observe("a", tt.millis))
		})
	}
	s, _ := newStore(1)
	s.gone.note(Key{5, 6}, 100)
	_, ok := s.gone.recall(Key{4, 6})
	assert.False(t, ok, "another series")
	_, ok = s.gone.recall(Key{5, 6})
	assert.True(t, ok)
	_, ok = s.gone.recall(Key{5, 6})
	assert.False(t, ok, "only once")
}

func TestForgottenIsBounded(t *testing.T) {
	t.Parallel()
	for maxSeries, want := range map[int]uint64{0: 1 << 16, 1: 1 << 8, 1000: 1 << 10, 1 << 20: 1 << 16} {
		assert.Equal(t, want, forgottenSize(maxSeries), "%d", maxSeries)
	}
}

// TestApart is what the warning of gateways rests on.
func TestApart(t *testing.T) {
	t.Parallel()
	s, _ := newStore(0)
	for _, tt := range []struct{ millis, apart int64 }{
		{1000, 0}, {1000, 0}, {61_000, 60_000}, {500, 0}, {300_000, 239_000}, {360_000, 60_000},
	} {
		assert.Equal(t, tt.apart, s.Observe(key(s, "x"), IntPoint(tt.millis, 0), every(60), 0).Apart)
	}
}
