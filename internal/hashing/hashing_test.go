package hashing

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

func TestMurmur2(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]uint32{
		"": 275646681, "a": 2731586172, "ab": 316155434, "abc": 479470107, "abcd": 2971317748,
		"tutorial_device|example|cpu_no|5": 1299744368, "é": 186971271, "id|group|": 1513614003,
	} {
		if got := Murmur2([]byte(in)); got != want {
			t.Errorf("Murmur2(%q) = %d, want %d", in, got, want)
		}
	}
	vectors(t, "partition.jsonl", func(row map[string]json.RawMessage) {
		var key string
		var want uint32
		unmarshal(t, row["partitioning_key"], &key)
		unmarshal(t, row["murmur2"], &want)
		if got := Murmur2([]byte(key)); got != want {
			t.Errorf("Murmur2(%q) = %d, want %d", key, got, want)
		}
	})
}

func TestMurmur3(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]uint32{
		"": 0, "a": 0x3c2569b2, "Tutorial_Plugin:3221e556fca9b9bd99d669e46052debd:tutorial_device": 3436599347,
	} {
		if got := Murmur3([]byte(in)); got != want {
			t.Errorf("Murmur3(%q) = %d, want %d", in, got, want)
		}
	}
	vectors(t, "splay.jsonl", func(row map[string]json.RawMessage) {
		var name string
		var want uint32
		unmarshal(t, row["task_name"], &name)
		if row["murmur3_32"] == nil {
			return
		}
		unmarshal(t, row["murmur3_32"], &want)
		if got := Murmur3([]byte(name)); got != want {
			t.Errorf("Murmur3(%q) = %d, want %d", name, got, want)
		}
	})
}

func vectors(t *testing.T, file string, each func(map[string]json.RawMessage)) {
	t.Helper()
	f, err := os.Open("../../testdata/vectors/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	lines := bufio.NewScanner(f)
	for ; lines.Scan(); n++ {
		var row map[string]json.RawMessage
		unmarshal(t, lines.Bytes(), &row)
		each(row)
	}
	if n == 0 || lines.Err() != nil {
		t.Fatalf("read %d rows of %s: %v", n, file, lines.Err())
	}
}

func unmarshal(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}
