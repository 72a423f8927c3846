package plugincmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/internal/group/golden"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// expectation compares the groups of all runs with a file, or writes that file.
type expectation struct {
	path   string
	update bool
	groups []*pluginsdk.MetricsGroup
}

// check fails early where the file cannot be there in the end.
func (e *expectation) check() error {
	if e.path == "" {
		if e.update {
			return exit.Misusef("--update goes with --expect, which names the file to write")
		}
		return nil
	}
	if e.update {
		return nil
	}
	if _, err := os.Stat(e.path); errors.Is(err, fs.ErrNotExist) {
		return exit.Misusef("--expect %s: the file does not exist: write it with --update, and read it", e.path)
	}
	return nil
}

// note adds what a run gave.
func (e *expectation) note(run oneRun) {
	if e.path == "" {
		return
	}
	for _, g := range run.out.Groups {
		e.groups = append(e.groups, g.MetricsGroup)
	}
}

// verdict compares, once all runs are over.
func (e *expectation) verdict(ctx context.Context) error {
	if e.path == "" {
		return nil
	}
	got, err := golden.Of(e.groups)
	if err != nil {
		return err
	}
	if e.update {
		return os.WriteFile(e.path, got, 0o644)
	}
	want, err := input.ReadFile(ctx, e.path)
	if err != nil {
		return err
	}
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the groups are not those of %s (--update writes it anew): %s", e.path, golden.Difference(string(want), string(got)))
	}
	return nil
}
