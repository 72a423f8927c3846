package plugintest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const updateFlag = "update"

// The flag is defined here unless another package was first. A test package that wants one of the same name of its
// own finds this one with flag.Lookup.
func init() {
	if flag.Lookup(updateFlag) == nil {
		flag.Bool(updateFlag, false, "rewrite golden files")
	}
}

func updating() bool {
	f := flag.Lookup(updateFlag)
	return f != nil && f.Value.String() == "true"
}

// Golden compares groups with a golden file and fails the test where they differ: values and all, but not times, nor
// the order of groups, metrics and dimensions, which are sets in Panoptes. With go test -update it writes the file.
func Golden(t testing.TB, groups []*pluginsdk.MetricsGroup, path string) {
	t.Helper()
	got, err := goldenText(groups)
	if err != nil {
		t.Fatalf("groups have no JSON form: %v", err)
	}
	if updating() {
		if err := writeGolden(path, got); err != nil {
			t.Fatalf("write golden file: %v", err)
		}
		return
	}
	compare(t, got, path)
}

func compare(t testing.TB, got []byte, path string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("golden file %s does not exist: run go test with -%s to write it", path, updateFlag)
	}
	if err != nil {
		t.Fatalf("read golden file: %v", err)
	}
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	if !bytes.Equal(got, want) {
		t.Errorf("groups differ from %s (run go test with -%s if they are right): %s\ngot:\n%s", path, updateFlag, difference(want, got), got)
	}
}

func writeGolden(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// goldenText is the groups as indented JSON in an order of their own and without times.
func goldenText(groups []*pluginsdk.MetricsGroup) ([]byte, error) {
	all := []any{}
	for _, g := range groups {
		if g == nil {
			return nil, errors.New("a group is nil")
		}
		dec := json.NewDecoder(bytes.NewReader(g.AppendJSON(nil)))
		dec.UseNumber() // 5 and 5.0 are not the same
		var group map[string]any
		if err := dec.Decode(&group); err != nil {
			return nil, fmt.Errorf("group %q: %w", g.Type, err)
		}
		removeTimes(group)
		for _, key := range []string{"metrics", "dimensions"} {
			if list, ok := group[key].([]any); ok {
				sortByText(list)
			}
		}
		all = append(all, group)
	}
	sortByText(all)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(all)
	return out.Bytes(), err
}

func removeTimes(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.HasSuffix(key, "_creation_timestamp") {
				delete(v, key)
				continue
			}
			removeTimes(member)
		}
	case []any:
		for _, member := range v {
			removeTimes(member)
		}
	}
}

// sortByText orders values by their JSON, whose keys are in order.
func sortByText(list []any) {
	slices.SortStableFunc(list, func(a, b any) int {
		textA, _ := json.Marshal(a) // they came from JSON
		textB, _ := json.Marshal(b)
		return bytes.Compare(textA, textB)
	})
}

// difference names the first line that differs.
func difference(want, got []byte) string {
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range min(len(wantLines), len(gotLines)) {
		if wantLines[i] != gotLines[i] {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, gotLines[i], wantLines[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(gotLines), len(wantLines))
}
