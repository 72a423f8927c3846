package plugintest

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/group/golden"
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
	got, err := golden.Of(groups)
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
		t.Errorf("groups differ from %s (run go test with -%s if they are right): %s\ngot:\n%s", path, updateFlag, golden.Difference(string(want), string(got)), got)
	}
}

func writeGolden(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
