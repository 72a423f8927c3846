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

// stepPatience is how long one command of the tutorial may take; the longest makes a virtual environment.
const stepPatience = 3 * time.Minute

var (
	fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")
	// namesFile is how the text before a block says where it goes.
	namesFile = regexp.MustCompile("`([^`]+)`:$")
)

// TestTutorial follows docs/tutorial.md to the letter: it writes the files and runs the commands, in order, and compares
// what they print.
func TestTutorial(t *testing.T) {
	text, err := os.ReadFile("../../docs/tutorial.md")
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	shell := &tutorialShell{dir: t.TempDir(), env: append(os.Environ(),
		"PATH="+filepath.Dir(binary(t, "panoptes"))+string(os.PathListSeparator)+os.Getenv("PATH"),
		"PANOPTES="+root, "PYTHONDONTWRITEBYTECODE=1")}
	t.Cleanup(func() {
		if log, err := os.ReadFile(filepath.Join(shell.dir, "collector.log")); err == nil && t.Failed() {
			t.Logf("collector.log:\n%s", tail(string(log), 10000))
		}
	})
	files, commands := 0, 0
	for _, at := range fence.FindAllSubmatchIndex(text, -1) {
		before := bytes.TrimSpace(text[:at[0]])
		before = before[bytes.LastIndexByte(before, '\n')+1:]
		language, body := string(text[at[2]:at[3]]), string(text[at[4]:at[5]])
		switch file := namesFile.FindSubmatch(before); {
		case language == "console":
			for _, step := range consoleSteps(t, body) {
				shell.run(t, step)
				commands++
			}
		case file != nil:
			write(t, filepath.Join(shell.dir, string(file[1])), body)
			files++
		default:
			t.Fatalf("a block of %s follows %q, which names no file", language, before)
		}
	}
	require.Greater(t, files, 8)
	require.Greater(t, commands, 20)
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

// tutorialShell runs commands as a reader's shell would.
type tutorialShell struct {
	dir string
	env []string
}

func (s *tutorialShell) run(t *testing.T, step step) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", step.command)
	cmd.Dir, cmd.Env = s.dir, s.env
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
		t.Fatalf("%s\nprinted:\n%s\nthe tutorial says:\n%s\nstderr: %s", step.command, stdout.String(), step.prints,
			tail(stderr.String(), 10000))
	}
}
