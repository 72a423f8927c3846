//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stepPatience is how long one command of a page may take; the longest makes a virtual environment.
const stepPatience = 3 * time.Minute

var (
	fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")
	// namesFile is how the text before a block says where it goes.
	namesFile = regexp.MustCompile("`([^`]+)`:$")
)

// walk follows a page to the letter, as a reader's shell would: it writes the files and runs the commands, in order, and
// compares what they print.
type walk struct {
	dir, page string
	path      string // PATH
	env       []string
}

// newWalk begins a page in an empty folder. What in it differs from machine to machine is replaced, if a replacer is given.
func newWalk(t *testing.T, page string, replace *strings.Replacer) *walk {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	w := &walk{dir: t.TempDir(), page: string(text)}
	if replace != nil {
		w.page = replace.Replace(w.page)
	}
	w.path = filepath.Dir(binary(t, "panoptes")) + string(os.PathListSeparator) + os.Getenv("PATH")
	w.env = append(os.Environ(), "PATH="+w.path, "PANOPTES="+root, "PYTHONDONTWRITEBYTECODE=1")
	return w
}

// show logs files when the test fails.
func (w *walk) show(t *testing.T, names ...string) {
	t.Helper()
	t.Cleanup(func() {
		for _, name := range names {
			if log, err := os.ReadFile(filepath.Join(w.dir, name)); err == nil && t.Failed() {
				t.Logf("%s:\n%s", name, tail(string(log), 10000))
			}
		}
	})
}

// follow goes through the page, and says how many files and commands it had.
func (w *walk) follow(t *testing.T) (files, commands int) {
	t.Helper()
	text := []byte(w.page)
	for _, at := range fence.FindAllSubmatchIndex(text, -1) {
		before := bytes.TrimSpace(text[:at[0]])
		before = before[bytes.LastIndexByte(before, '\n')+1:]
		language, body := string(text[at[2]:at[3]]), string(text[at[4]:at[5]])
		switch file := namesFile.FindSubmatch(before); {
		case language == "console":
			for _, step := range consoleSteps(t, body) {
				w.run(t, step)
				commands++
			}
		case file != nil:
			write(t, filepath.Join(w.dir, string(file[1])), body)
			files++
		default:
			t.Fatalf("a block of %s follows %q, which names no file", language, before)
		}
	}
	return files, commands
}

// step is one command and what it prints, in which "..." stands for any text, and alone in a line for any lines.
type step struct{ command, prints string }

// consoleSteps reads a block: "$ " before a command, "> " before its further lines, the rest is what it prints.
func consoleSteps(t *testing.T, block string) []step {
	t.Helper()
	var steps []step
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			steps = append(steps, step{command: command})
			continue
		}
		require.NotEmpty(t, steps, "the block begins with no command: %q", line)
		last := &steps[len(steps)-1]
		if more, ok := strings.CutPrefix(line, "> "); ok {
			last.command += more
		} else {
			last.prints += line
		}
	}
	return steps
}

func (s step) matches(output string) bool {
	pattern := regexp.QuoteMeta(s.prints)
	pattern = strings.ReplaceAll(pattern, "\n"+regexp.QuoteMeta("...")+"\n", "\n(?:.*\n)*")
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("..."), ".*")
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(output)
}

func (w *walk) run(t *testing.T, step step) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", step.command)
	cmd.Dir, cmd.Env = w.dir, w.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// All that a command leaves running goes with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	require.NoError(t, err, "%s\nprinted %s\nand on stderr %s", step.command, stdout.String(), tail(stderr.String(), 10000))
	if !step.matches(stdout.String()) {
		t.Fatalf("%s\nprinted:\n%s\nthe page says:\n%s\nstderr: %s", step.command, stdout.String(), step.prints,
			tail(stderr.String(), 10000))
	}
}
