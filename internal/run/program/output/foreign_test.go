package output

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestForeignOutput reads what scripts and checks of others print, as it was reported of other collectors. The files are named
// by their format.
func TestForeignOutput(t *testing.T) {
	t.Parallel()
	for format, least := range map[Format]int{Prometheus: 5, Nagios: 2, JSON: 2} {
		paths, err := filepath.Glob(filepath.Join("testdata", "foreign", "*."+string(format)))
		if err != nil || len(paths) < least {
			t.Fatal(paths, err)
		}
		for _, path := range paths {
			t.Run(filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				got := show(Read(t.Context(), format, text, 0, defaults()))
				golden := strings.TrimSuffix(path, filepath.Ext(path)) + ".golden"
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil || got != string(want) {
					t.Errorf("got\n%s\nwant\n%s\n%v", got, want, err)
				}
			})
		}
	}
}
