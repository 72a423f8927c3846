package python

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestZipIsCompleteAndDeterministic(t *testing.T) {
	t.Parallel()
	first, err := Zip()
	if err != nil {
		t.Fatal(err)
	}
	second, err := Zip()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two archives of one tree differ")
	}
	archive, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
		if got := f.Modified.UTC(); !got.Equal(time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s is from %v, want the fixed time", f.Name, got)
		}
	}
	if want := sources(t); !slices.Equal(names, want) {
		t.Errorf("the archive holds %q, the folder %q", names, want)
	}
}

// sources lists what belongs into the archive, as it lies on disk.
func sources(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && (name == "tests" || name == "build" || entry.Name() == "__pycache__") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".py") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 10 {
		t.Fatalf("the folder holds only %q", names)
	}
	return names
}

func TestWriteZip(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	path, err := WriteZip(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Zip()
	if err != nil {
		t.Fatal(err)
	}
	written := func() os.FileInfo {
		t.Helper()
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%s does not hold the archive", path)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o444 {
			t.Errorf("mode is %v, want 0444", info.Mode())
		}
		return info
	}
	before := written()
	name := filepath.Base(path)
	if !strings.HasPrefix(name, "panoptes-") || !strings.HasSuffix(name, ".zip") || len(name) != len("panoptes-.zip")+16 {
		t.Errorf("name is %q", name)
	}

	again, err := WriteZip(dir)
	if err != nil || again != path {
		t.Fatalf("second WriteZip: %q, %v", again, err)
	}
	if !os.SameFile(before, written()) {
		t.Error("an equal file was not used again")
	}

	if runtime.GOOS == "windows" {
		return // there a file that must not be written cannot be replaced either
	}
	for name, spoil := range map[string]func() error{
		"content":  func() error { return os.WriteFile(path, bytes.Repeat([]byte("x"), len(want)), 0o600) },
		"length":   func() error { return os.Truncate(path, 3) },
		"writable": func() error { return os.Chmod(path, 0o666) },
		"link":     func() error { return os.Rename(path, path+".1") },
	} {
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if name == "link" {
			if err := os.Symlink(path+".1", path); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := WriteZip(dir); err != nil {
			t.Fatalf("after spoiling the %s: %v", name, err)
		}
		written()
	}
	leftovers, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("leftovers %q, %v", leftovers, err)
	}
}

func TestWriteZipAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := WriteZip(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestWriteZipSaysWhere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteZip(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error is %v, want one that names %s", err, file)
	}
}
