package pyjson

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

type fataler interface {
	Fatalf(format string, args ...any)
}

func TestAppendFloat(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{
		0: "0.0", 5: "5.0", 0.1: "0.1", 1e-7: "1e-07", 1e22: "1e+22", 1e16: "1e+16", 9999999999999998: "9999999999999998.0",
		1e-4: "0.0001", 1.5e-7: "1.5e-07", 1600000000.123: "1600000000.123", -7.25: "-7.25", 1e100: "1e+100",
		math.MaxFloat64: "1.7976931348623157e+308", math.SmallestNonzeroFloat64: "5e-324",
		math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
	} {
		if got := string(AppendFloat(nil, f)); got != want {
			t.Errorf("AppendFloat(%v) = %s, want %s", f, got, want)
		}
	}
	if got := string(AppendFloat(nil, math.Copysign(0, -1))); got != "-0.0" {
		t.Errorf("negative zero = %s", got)
	}
	if got := string(AppendFloat(nil, math.NaN())); got != "NaN" {
		t.Errorf("NaN = %s", got)
	}
}

func TestRoundMillis(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]float64{1.0005: 1.0, 1.0015: 1.002, 1600000000.123456: 1600000000.123, 0.0625: 0.062, 2.5: 2.5} {
		if got := RoundMillis(in); got != want {
			t.Errorf("RoundMillis(%v) = %v, want %v", in, got, want)
		}
	}
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`plain`:                  `"plain"`,
		"q\"b\\":                 `"q\"b\\"`,
		"\t\n\r\f\b\x00\x1f\x7f": `"\t\n\r\f\b\u0000\u001f\u007f"`,
		"größe 😀":                `"gr\u00f6\u00dfe \ud83d\ude00"`,
		"bad\xffutf8":            `"bad\ufffdutf8"`,
	} {
		if got := string(AppendString(nil, in)); got != want {
			t.Errorf("AppendString(%q) = %s, want %s", in, got, want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("größe 😀\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(s)); got != want {
			t.Fatalf("%q read back as %q", want, got)
		}
	})
}

func FuzzAppendFloat(f *testing.F) {
	f.Add(1e22)
	f.Fuzz(func(t *testing.T, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		text := string(AppendFloat(nil, v))
		got, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Float64bits(got) != math.Float64bits(v) {
			t.Fatalf("%v became %s, read back as %v: %v", v, text, got, err)
		}
	})
}

// The short ways write what the long ones do.
func TestShortFloats(t *testing.T) {
	t.Parallel()
	check := func(t fataler, f float64) {
		if got, want := string(AppendFloat(nil, f)), string(appendLong(nil, f)); got != want {
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

func TestAppendMillis(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nanos := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 1e10)).Draw(t, "nanos")
		millis := nanos / 1e6
		if nanos%1e6 >= 5e5 {
			millis++
		}
		if got, want := string(AppendMillis(nil, millis)), string(appendLong(nil, float64(millis)/1000)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestPlainStrings(t *testing.T) {
	t.Parallel()
	check := func(t fataler, s string) {
		if got, want := string(AppendString([]byte("x"), s)), string(appendEscaped([]byte("x"), s)); got != want {
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
