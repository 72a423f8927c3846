//go:build unix

package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the arguments of an interpreter say is run counts for the version, and nobody else may be able to replace it.
func TestScriptsOfInterpreters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script, tool := filepath.Join(dir, "x.py"), filepath.Join(dir, "tool")
	require.NoError(t, os.WriteFile(script, []byte("print(1)\n"), 0o600))
	writeScript(t, tool, "exit 0")
	for _, name := range []string{"python3.11", "bash", "perl", "ruby", "node", "php", "awk", "timeout", "env", "check_thing"} {
		writeScript(t, filepath.Join(dir, name), "exit 0")
	}
	for _, c := range []struct{ module, args, scripts, err string }{
		{"python3.11", "SCRIPT -H {resource_endpoint}", "SCRIPT", ""},
		{"python3.11", "-I -u -W ignore -Xdev SCRIPT --flag x", "SCRIPT", ""},
		{"python3.11", "-c 'print(1)' SCRIPT", "", ""},
		{"python3.11", "-- SCRIPT", "SCRIPT", ""},
		{"python3.11", "-", "", ""},
		{"python3.11", "", "", ""},
		{"python3.11", "-m check", "", `"-m" is looked up elsewhere: name the file`},
		{"python3.11", "--check-hash-based-pycs always SCRIPT", "", `write the option "--check-hash-based-pycs" with its value in one word`},
		{"python3.11", "{resource_metadata.script}", "", `no resource may name what is run`},
		{"python3.11", "/opt/{resource_id}.py", "", `no resource may name what is run`},
		{"python3.11", "missing.py", "", `write the absolute path of "missing.py"`},
		{"python3.11", "DIR", "", `is no regular file`},
		{"python3.11", "x.py", "SCRIPT", ""}, // it is run in its own folder
		{"bash", "-e -o pipefail SCRIPT TOOL", "SCRIPT TOOL", ""},
		{"bash", "+o noclobber --norc SCRIPT", "SCRIPT", ""},
		{"bash", "-ec 'exec check_x'", "", ""},
		{"perl", "-wT -I DIR SCRIPT", "SCRIPT", ""},
		{"perl", "-F: -lane 'print'", "", ""},
		{"perl", "-MFoo SCRIPT", "", `"-MFoo" is looked up elsewhere`},
		{"ruby", "-W0 -IDIR SCRIPT", "SCRIPT", ""},
		{"node", "--max-old-space-size=64 SCRIPT", "SCRIPT", ""},
		{"php", "-q -f SCRIPT", "SCRIPT", ""},
		{"php", "-fSCRIPT", "SCRIPT", ""},
		{"awk", "-F: -f SCRIPT /etc/passwd", "SCRIPT", ""},
		{"awk", "'{print $1}' SCRIPT", "", ""},
		{"timeout", "10 python3.11 SCRIPT", "SCRIPT", ""},
		{"timeout", "10 TOOL -x", "TOOL", ""},
		{"env", "A=b DIR/python3.11 SCRIPT", "SCRIPT DIR/python3.11", ""},
		{"check_thing", "-c SCRIPT -x {resource_id}", "", ""},
		{"check_thing", "-c TOOL", "TOOL", ""},
	} {
		t.Run(c.module+" "+c.args, func(t *testing.T) {
			t.Parallel()
			fill := strings.NewReplacer("SCRIPT", script, "TOOL", tool, "DIR", dir).Replace
			args, err := parseArguments(fill(c.args))
			require.NoError(t, err)
			g := &program{args: args}
			err = g.findScripts(filepath.Join(dir, c.module))
			if c.err != "" {
				assert.ErrorContains(t, err, fill(c.err))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, fill(c.scripts), strings.Join(g.scripts, " "))
		})
	}
}

func TestScriptsCountForTheVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	python, script := filepath.Join(dir, "python3"), filepath.Join(t.TempDir(), "x.py")
	writeScript(t, python, "exit 0")
	require.NoError(t, os.WriteFile(script, []byte("print(1)\n"), 0o600))
	file := filepath.Join(t.TempDir(), "x.panoptes-plugin")
	require.NoError(t, os.WriteFile(file, []byte("[Core]\nName = T\nModule = "+python+"\n"+pluginHead+"runtime = exec\nargs = "+script+"\n"), 0o600))
	before, _, err := Open(file, OpenOptions{})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(script, []byte("print(2)\n"), 0o600))
	after, _, err := Open(file, OpenOptions{})
	require.NoError(t, err)
	assert.NotEqual(t, before.Version, after.Version)
	_, _, err = Open(file, OpenOptions{Pins: map[string]string{"T": before.SHA256}})
	require.ErrorIs(t, err, ErrPinned)
	require.NoError(t, os.Chmod(script, 0o666))
	_, _, err = Open(file, OpenOptions{})
	require.ErrorContains(t, err, "[main] args: \""+script+"\" is run, too: ")
	require.ErrorContains(t, err, "can be written by every user")
}
