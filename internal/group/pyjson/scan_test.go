package pyjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// What the scanner skips is what encoding/json takes, except the numbers of Python that are none and its bound on depth.
func FuzzSkip(f *testing.F) {
	for _, text := range []string{
		`{"a": [1, -0.5e+7, true, null, "\u00e9\n\ud83d\ude00"], "b": {}}`, `[NaN, -Infinity]`, `1e`, `01`, `-`, `1.`, `nul`, `"a`, `{"a":1,}`, `[1 2]`, "[\"\x01\"]",
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := NewScanner(data)
		s.Blanks()
		err := s.Skip()
		ok := err == nil && s.AtEnd()
		if s.At > len(data) {
			t.Fatal("behind the end")
		}
		pythonic := strings.Contains(string(data), "NaN") || strings.Contains(string(data), "Infinity")
		if valid := json.Valid(data); ok != valid && !pythonic && !errors.Is(err, errTooDeep) {
			t.Fatalf("encoding/json takes it: %t; %v", valid, err)
		}
	})
}

// A string is read as encoding/json reads it.
func FuzzReadString(f *testing.F) {
	f.Add([]byte(`"\u00e9\n\/\ud83d\ude00\ud83d x"`))
	f.Add([]byte("\"gr\xc3\xb6\xffe\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		var want string
		s := NewScanner(data)
		got, err := s.ReadString()
		if len(data) == 0 || data[0] != '"' || err == nil && s.At < len(data) {
			return
		}
		wantErr := json.Unmarshal(data, &want)
		if (err == nil) != (wantErr == nil) || err == nil && got != want {
			t.Fatalf("%q, %v; encoding/json: %q, %v", got, err, want, wantErr)
		}
	})
}

// A number is read as strconv and encoding/json read it.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"0", "-0", "5", "5.0", "1e3", "123456789012345678", "9007199254740993.5", "0.1", "-12.25", "01", "1.", "+1", "1_0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := NewScanner([]byte(text))
		i, float, isFloat, ok := s.ShortNumber()
		if !ok || s.At < len(text) {
			return
		}
		if !ValidNumber(text) {
			t.Fatal("it is no number")
		}
		var want float64
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if !isFloat {
			float = float64(i)
		}
		if float != want {
			t.Fatalf("%v, want %v", float, want)
		}
	})
}
