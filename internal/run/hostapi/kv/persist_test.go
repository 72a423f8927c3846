package kv

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/state"
)

// TestRestore: what is stored and restored is as before, without what has expired meanwhile.
func TestRestore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	now := time.UnixMilli(1_700_000_000_000)
	options := Options{Now: func() time.Time { return now }}
	s := NewStore(options)
	n := s.Namespace("ns")
	stored := map[string]json.RawMessage{}
	save := func() (changes int) {
		t.Helper()
		changed, gone := s.Changes()
		for _, r := range changed {
			stored[r.Key] = r.Value
		}
		for _, key := range gone {
			delete(stored, key)
		}
		return len(changed) + len(gone)
	}
	if err := n.Set(ctx, "early", "x", 0); err != nil {
		t.Fatal(err)
	}
	if save() != 1 || save() != 0 {
		t.Error("the first call returns all, the second nothing")
	}
	for key, ttl := range map[string]time.Duration{"short": time.Second, "long": time.Hour, "ever": 0, "gone": 0} {
		if err := n.Set(ctx, key, "value of "+key, ttl); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []string{"b", "a"} {
		if err := n.SetAdd(ctx, "set", m); err != nil {
			t.Fatal(err)
		}
	}
	save()
	if err := n.Delete(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	if save() != 1 {
		t.Error("only what changed is saved")
	}
	now = now.Add(time.Minute)
	var records []state.Record
	for key, value := range stored {
		records = append(records, state.Record{Key: key, Value: value})
	}
	records = append(records, state.Record{Key: "ns:bad", Value: json.RawMessage(`[]`)})
	s = NewStore(options)
	n = s.Namespace("ns")
	if err := s.Restore(records); err == nil {
		t.Error("no error for a bad record")
	}
	keys, _ := n.FindKeys(ctx, "*")
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"early", "ever", "long", "set"}) {
		t.Errorf("keys %q", keys)
	}
	if v, err := n.Get(ctx, "long"); v != "value of long" || err != nil {
		t.Errorf("long is %q, %v", v, err)
	}
	if ttl, _ := n.TTL(ctx, "long"); ttl != time.Hour-time.Minute {
		t.Errorf("time to live %s", ttl)
	}
	members, _ := n.SetMembers(ctx, "set")
	slices.Sort(members)
	if !slices.Equal(members, []string{"a", "b"}) {
		t.Errorf("members %q", members)
	}
	changed, gone := s.Changes()
	if len(changed) != 0 || len(gone) != 2 { // the one that expired, and the bad one
		t.Errorf("after a restore: %v changed, %v gone", changed, gone)
	}
}
