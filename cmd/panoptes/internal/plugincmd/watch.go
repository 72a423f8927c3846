package plugincmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
)

const (
	// watchPause is how often files are looked at.
	watchPause = 250 * time.Millisecond
	// mostRestless is how often files may differ in a row from those before, as a log does beside the plugin, until they count as saved.
	mostRestless = 8
	// watchedFiles bounds how many files of a folder are.
	watchedFiles = 2000
	// watchContext is how many lines are shown around those that differ.
	watchContext = 2
)

// watch runs a plugin, and again whenever one of its files changes, until ctx ends. Its exit code says nothing of the runs.
func watch(ctx context.Context, o runOptions, path string, stdout, stderr io.Writer) error {
	var before []string
	for n := 1; ; n++ {
		seen := o.files(path)
		var out bytes.Buffer
		again := o
		err := again.run(ctx, path, &out, stderr)
		o.told = again.told
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, exit.ErrReported) {
			fmt.Fprintf(stderr, "panoptes: %s\n", term.Message(err.Error()))
		}
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		switch {
		case n == 1:
			_, err = stdout.Write(out.Bytes())
		case out.Len() > 0:
			_, err = io.WriteString(stdout, difference(before, lines, o.style))
		default:
			err = nil
		}
		if err != nil {
			return err
		}
		if out.Len() > 0 {
			before = lines
		}
		fmt.Fprintf(stderr, "panoptes: %s, waiting for the next save\n", time.Now().Format(time.TimeOnly))
		if !o.changed(ctx, path, seen) {
			return nil
		}
	}
}

// changed waits for files to differ from those seen, before the run, and then to keep still for a moment, if they ever do.
func (o *runOptions) changed(ctx context.Context, path, seen string) bool {
	last, restless := seen, 0
	for wait.For(ctx, watchPause) {
		now := o.files(path)
		if now != seen {
			restless++
		}
		if now != seen && (now == last || restless == mostRestless) {
			return true
		}
		last = now
	}
	return false
}

// files describes the files of the plugin's folder, and those of resources and configurations.
func (o *runOptions) files(path string) string {
	var b strings.Builder
	note := func(path string) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
	}
	for _, file := range append(slices.Concat(o.resources, o.collector.configs), path) { // whatever else is in its folder
		note(file)
	}
	folder := path
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		folder = filepath.Dir(path)
	}
	if target, err := filepath.EvalSymlinks(folder); err == nil {
		folder = target // a link is not walked
	}
	n := 0
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be looked at does not change
		case e.IsDir() && path != folder && (strings.HasPrefix(e.Name(), ".") || e.Name() == "__pycache__"):
			return fs.SkipDir
		case n >= watchedFiles:
			return fs.SkipAll
		case !e.IsDir():
			n++
			note(path)
		}
		return nil
	})
	return b.String()
}

// times are the parts of a line that differ in each run without meaning anything.
var times = regexp.MustCompile(`(?: in |\t|at most |the longest )[0-9.]+(?:ns|µs|ms|s|m[0-9.]+s)\b|"resource_creation_timestamp": [0-9.]+`)

// difference shows the lines that differ, with those around them.
func difference(before, after []string, style term.Style) string {
	changes := diff(before, after)
	var b strings.Builder
	gap := true
	for i, c := range changes {
		near := slices.ContainsFunc(changes[max(0, i-watchContext):min(len(changes), i+watchContext+1)], func(c change) bool { return c.mark != ' ' })
		switch {
		case !near:
			gap = true
			continue
		case gap:
			b.WriteString("...\n")
			gap = false
		}
		text := string(c.mark) + " " + c.text
		switch c.mark {
		case '-':
			text = style.Paint(term.Red, text)
		case '+':
			text = style.Paint(term.Green, text)
		}
		b.WriteString(text + "\n")
	}
	if b.Len() == 0 {
		return "nothing differs\n"
	}
	return b.String()
}

// change is a line that was (-), that is (+), or both.
type change struct {
	mark byte
	text string
}

// maxDiff is how many lines are compared; of more the rest counts as new.
const maxDiff = 2000

func withoutTimes(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = times.ReplaceAllString(line, "")
	}
	return out
}

// diff tells the lines that differ, by the longest list of lines that both have.
func diff(before, after []string) []change {
	before, after = before[:min(len(before), maxDiff)], after[:min(len(after), maxDiff)]
	old, now := withoutTimes(before), withoutTimes(after)
	common := make([][]int32, len(before)+1) // length of the list from i and j on
	for i := range common {
		common[i] = make([]int32, len(after)+1)
	}
	for i := range slices.Backward(before) {
		for j := len(after) - 1; j >= 0; j-- {
			if old[i] == now[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []change
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && old[i] == now[j]:
			out = append(out, change{' ', after[j]})
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			out = append(out, change{'-', before[i]})
			i++
		default:
			out = append(out, change{'+', after[j]})
			j++
		}
	}
	return out
}
