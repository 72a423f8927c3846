package parse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// MaxSize is the size, in bytes, that a file of resources may have.
const MaxSize = 256 << 20

// Minimal is what resources of files, servers and configurations need not say, unless a source has other defaults: an id and
// an endpoint are enough.
var Minimal = &pluginsdk.Resource{Site: "default", Class: "system", Subclass: "host", Type: "generic", Plugin: "panoptes_otelcol"}

// LoadFile reads one file of resources; defaults are as for Parse. The warnings are its bad entries, in order; err is set where the file cannot be
// read or does not parse, with line and column, and then there are no resources. All errors name the file.
func LoadFile(path string, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings []error, err error) {
	data, err := ReadFile(context.Background(), path)
	if err != nil {
		return nil, nil, err
	}
	return ParseFile(path, data, defaults)
}

// ReadFile reads a file of resources of at most MaxSize. Its error names the file.
func ReadFile(ctx context.Context, path string) ([]byte, error) {
	data, err := readFile(ctx, path, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("resources file %q: %w", path, err)
	}
	return data, nil
}

// ParseFile parses the contents of the file at path, whose name tells the format; defaults are as for Parse. It returns what LoadFile does.
func ParseFile(path string, data []byte, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings []error, err error) {
	return ParseAs(FormatOf(path), path, data, defaults)
}

// ParseAs is ParseFile for a format that the name does not tell.
func ParseAs(format Format, path string, data []byte, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings []error, err error) {
	res, warnings, err = Parse(format, data, defaults)
	if err != nil {
		return nil, nil, fmt.Errorf("resources file %q: %w", path, err)
	}
	for i := range warnings {
		warnings[i] = fmt.Errorf("resources file %q: %w", path, warnings[i])
	}
	return res, warnings, nil
}

func readFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	data, err := safefile.Read(ctx, path, limit)
	if err != nil {
		return nil, cause(err)
	}
	return data, nil
}

// cause drops the path that package os puts in front: the caller names it.
func cause(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("cannot be read: %w", p.Err)
	}
	return err
}

// Files returns the files that globs stand for: in the order of the globs, sorted within one, each file once. A glob
// without wildcards stands for itself, whether the file exists or not. One that matches nothing or is malformed is a
// warning.
func Files(globs []string) (paths []string, warnings []error) {
	for _, glob := range globs {
		found := []string{glob}
		if hasWildcard(glob) {
			var err error
			found, err = filepath.Glob(glob)
			switch {
			case err != nil:
				warnings = append(warnings, fmt.Errorf("resources files %q: %w", glob, err))
			case len(found) == 0:
				warnings = append(warnings, fmt.Errorf("resources files %q: no file matches", glob))
			}
		}
		for _, path := range found {
			if !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths, warnings
}

func hasWildcard(glob string) bool { return strings.ContainsAny(glob, `*?[`) }

// LoadFiles reads all files that globs stand for and merges them. Each file that cannot be read is one of errs and
// costs itself alone.
func LoadFiles(globs []string, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings, errs []error) {
	paths, warnings := Files(globs)
	var all []*pluginsdk.Resource
	for _, path := range paths {
		found, bad, err := LoadFile(path, defaults)
		warnings = append(warnings, bad...)
		if err != nil {
			errs = append(errs, err)
		}
		all = append(all, found...)
	}
	merged, doubles := Merge(all)
	return merged, append(warnings, doubles...), errs
}

// Merge keeps one of the resources that have the same identity: the last, in the place of the first. Each that goes is
// a warning where the two differ in more than their creation timestamp; the list given stays as it is.
func Merge(list []*pluginsdk.Resource) (merged []*pluginsdk.Resource, warnings []error) {
	place := make(map[pluginsdk.Identity]int, len(list))
	merged = make([]*pluginsdk.Resource, 0, len(list))
	for _, r := range list {
		id := r.Identity()
		at, ok := place[id]
		if !ok {
			place[id] = len(merged)
			merged = append(merged, r)
			continue
		}
		if !same(merged[at], r) {
			warnings = append(warnings, fmt.Errorf("resource %q of site %q comes more than once (class %q, subclass %q, type %q): the last one counts",
				r.ID, r.Site, r.Class, r.Subclass, r.Type))
		}
		merged[at] = r
	}
	return merged, warnings
}

func same(a, b *pluginsdk.Resource) bool {
	return a.Endpoint == b.Endpoint && a.Plugin == b.Plugin && slices.Equal(a.Metadata, b.Metadata)
}
