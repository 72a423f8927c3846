//go:build unix

package program

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
)

// A program that the system refuses is told what it lacks: the system itself says that there is no such file.
func TestProgramsThatCannotBeRun(t *testing.T) {
	t.Parallel()
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		own = nil // not Linux
	}
	for _, c := range []struct {
		name, text, want string
		mode             os.FileMode
	}{
		{"line ends of Windows", "#!/bin/sh\r\necho\r\n", `the interpreter "/bin/sh\r" of its first line does not exist: the line ends as on Windows`, 0o755},
		{"no such interpreter", "#! /nowhere/python3 -u\n", `the interpreter "/nowhere/python3" of its first line does not exist`, 0o755},
		{"no interpreter", "#!\n", `its first line names no interpreter`, 0o755},
		{"interpreter is data", "#!DATA\n", `is not executable`, 0o755},
		{"a byte order mark", "\uFEFF#!/bin/sh\n", "a byte order mark stands before the #!", 0o755},
		{"no first line", "echo\n", `a script must begin with a line such as "#!/bin/sh"`, 0o755},
		{"not executable", "#!/bin/sh\n", "permission denied", 0o644},
		{"another C library", strings.Replace(elfNeeding(t), "/lib", "/bil", 1), `its loader "/bil`, 0o755},
		{"half a program", string(own[:min(len(own), 100)]), "it is no program for this system", 0o755},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.text == "" {
				return // there is none to change
			}
			dir := t.TempDir()
			data, path := filepath.Join(dir, "data"), filepath.Join(dir, "program")
			require.NoError(t, os.WriteFile(data, nil, 0o600))
			require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(c.text, "DATA", data)), 0o600))
			require.NoError(t, os.Chmod(path, c.mode))
			_, err := start(child.Config{Path: path, Dir: dir})
			require.Error(t, err)
			assert.True(t, isRejected(err))
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "no such file")
		})
	}
}

// elfNeeding is a program that needs a loader, "" where there is none.
func elfNeeding(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/bin/sh")
	if err != nil || !bytes.HasPrefix(text, []byte("\x7fELF")) || !bytes.Contains(text[:min(len(text), 4096)], []byte("/lib")) {
		return ""
	}
	return string(text)
}

func TestExitMeaning(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte("#!/usr/bin/env nosuchpython\r\n"), 0o600))
	assert.Equal(t, " (as shells say of a command that cannot be executed)", exitMeaning("/bin/sh", 126))
	assert.Equal(t, " (as shells and env say of a command that is not found)", exitMeaning("/bin/sh", 127))
	assert.Equal(t, ` (env does not find the interpreter "nosuchpython\r" of its first line in PATH: the line ends as on Windows, so the \r `+
		`belongs to the name; turn CRLF into LF in the file, as dos2unix does)`, exitMeaning(path, 127))
	assert.Empty(t, exitMeaning(path, 3))
	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Mkfifo(path, 0o755)) // a program that replaces itself; to open it would wait for good
	assert.Equal(t, " (as shells say of a command that cannot be executed)", exitMeaning(path, 126))
}
