// Package input reads what several commands are given: filters and files of resources.
package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Filter parses a resource filter. What names where the filter was given. The error shows the place of the mistake and
// is wrong usage. Where Panoptes itself would read the filter otherwise, stderr gets a line.
func Filter(what, text string, stderr io.Writer) (*filter.Filter, error) {
	filter, err := filter.Parse(text)
	if err != nil {
		return nil, exit.Misuse(fmt.Errorf("%s: %w%s", what, err, Pointer(text, err)))
	}
	for _, warning := range filter.Warnings() {
		fmt.Fprintf(stderr, "panoptes: %s: %s\n", what, term.Message(warning))
	}
	return filter, nil
}

// Pointer returns the line of a filter that err is about and below it a caret at the place, each on a line of its own
// and after a newline; "" where err does not tell a place.
func Pointer(text string, err error) string {
	var syntax *filter.SyntaxError
	if !errors.As(err, &syntax) {
		return ""
	}
	lines := strings.Split(text, "\n")
	if syntax.Line < 1 || syntax.Line > len(lines) || syntax.Column < 1 {
		return ""
	}
	line := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, lines[syntax.Line-1])
	return "\n  " + line + "\n  " + strings.Repeat(" ", syntax.Column-1) + "^"
}

// ResourcesIn is the file of resources that counts for a plugin of a folder where no other is named; "" where there is none.
func ResourcesIn(folder string) string {
	for _, extension := range []string{".json", ".yaml", ".yml", ".csv", ".jsonl"} {
		file := filepath.Join(folder, "resources"+extension)
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}

// Resources reads files of resources, in order; "-" is stdin. An entry that is no resource is reported on stderr and counted as bad.
// The error tells all files that cannot be read, and is wrong usage.
func Resources(ctx context.Context, files []string, stderr io.Writer) (all []*pluginsdk.Resource, bad int, err error) {
	var errs []error
	for _, file := range files {
		found, warnings, err := load(ctx, file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, warning := range warnings {
			bad++
			fmt.Fprintf(stderr, "panoptes: %s\n", term.Message(warning.Error()))
		}
		all = append(all, found...)
	}
	return all, bad, exit.Misuse(errors.Join(errs...))
}

// load reads one file of resources. Of stdin and pipes the text tells the format, unless the name does.
func load(ctx context.Context, path string) (found []*pluginsdk.Resource, warnings []error, err error) {
	if !Once(path) {
		return parse.LoadFile(path, parse.Minimal)
	}
	text, err := ReadFile(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	format := parse.FormatOf(path)
	if filepath.Ext(path) == "" {
		format = parse.Guess(text)
	}
	return parse.ParseAs(format, path, text, parse.Minimal)
}
