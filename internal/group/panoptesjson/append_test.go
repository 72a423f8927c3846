package panoptesjson

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

func TestAppendFloatIsPython(t *testing.T) {
	t.Parallel()
	check := func(t failer, f float64) {
		if got, want := string(appendFloat(nil, f)), string(pyjson.AppendFloat(nil, f)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	for _, f := range []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, 0.3, 1e-4, 9.9e-5, 0.000101, 1e9, 999999999.999999, 999999999.9999999, 1e16, 1e22,
		0.1 + 0.2, 5e-324, math.MaxFloat64, 2.675, 1234567.000001, 100.01, 1.001, 1.0001, 12.340005, 1512629517.03, 999999999999.999, 1e12, 1512629517.03121, 1e9 + 0.0005,
	} {
		check(t, f)
		check(t, -f)
		check(t, math.Nextafter(f, 1))
		check(t, math.Nextafter(f, 1e300))
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.Float64().Draw(t, "any"))
		check(t, float64(rapid.Int64Range(-1e15, 1e15).Draw(t, "millionths"))/1e6)
		check(t, float64(rapid.Int64Range(-1e7, 1e7).Draw(t, "hundredths"))/100)
		check(t, float64(rapid.Int64().Draw(t, "whole")))
		check(t, float64(rapid.Int64Range(1e11, 1e15).Draw(t, "time"))/1e3)
		check(t, float64(rapid.Int64Range(1e11, 1e15).Draw(t, "exact_time"))/1e5)
	})
}

func TestAppendSecondsIsPython(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nanos := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 1e10)).Draw(t, "nanos")
		millis := nanos / 1e6
		if nanos%1e6 >= 5e5 {
			millis++
		}
		if got, want := string(appendSeconds(nil, nanos)), string(pyjson.AppendFloat(nil, float64(millis)/1000)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestAppendStringIsPython(t *testing.T) {
	t.Parallel()
	check := func(t failer, s string) {
		if got, want := string(appendString([]byte("x"), s)), string(pyjson.AppendString([]byte("x"), s)); got != want {
			t.Fatalf("%q: got %s, want %s", s, got, want)
		}
	}
	for c := range 256 {
		for at := range 20 {
			text := []byte("abcdefghijklmnopqrst")
			text[at] = byte(c)
			check(t, string(text))
			check(t, string(text[:at+1]))
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.String().Draw(t, "text")) })
}
