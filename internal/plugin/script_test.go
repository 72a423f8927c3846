//go:build unix

package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Python file is run as a program where the plugin file says so, or, where it says nothing, where it is one.
func TestPythonFilesAsPrograms(t *testing.T) {
	t.Parallel()
	const hello = "#!/usr/bin/env python3\nprint('OK | n=3')\n"
	for _, c := range []struct {
		name, source string
		mode         os.FileMode
		main         string
		kind         Kind
		warned       bool
	}{
		{"runtime = exec", hello, 0o755, "runtime = exec\noutput = nagios\n", KindExec, false},
		{"runtime = process", hello, 0o755, "runtime = process\n", KindProcess, false},
		{"runtime = python", hello, 0o755, "runtime = python\n", KindPython, false},
		{"a script", hello, 0o755, "output = nagios\n", KindExec, true},
		{"a script without options", hello, 0o755, "", KindExec, true},
		{"not executable", hello, 0o644, "", KindPython, false},
		{"no first line", "print('OK')\n", 0o755, "", KindPython, false},
		{"a class", hello + "from yahoo_panoptes.plugins.polling.polling_plugin import PanoptesPollingPlugin\nclass P(PanoptesPollingPlugin):\n  pass\n", 0o755, "", KindPython, false},
		{"a check", hello + "import panoptes\n@panoptes.check\ndef f(r):\n  pass\n", 0o755, "", KindPython, false},
		{"a class of a base of one's own", hello + "from acme import Base\nclass P(Base):\n  pass\n", 0o755, "", KindPython, false},
		{"the same with output", hello + "from acme import Base\nclass P(Base):\n  pass\n", 0o755, "output = nagios\n", KindExec, true},
		{"classes of a script", hello + "class A: pass\nclass B(object): pass\nclass C(A, ValueError): pass\nclass D(argparse.Action, metaclass=M): pass\n" +
			"class E(nagiosplugin.Resource): pass\nclass F(List[A]): pass\nclass List: pass\n", 0o755, "", KindExec, true},
		{"modules beside it", hello, 0o755, "sys_path = plugin\n", KindPython, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "check_thing.py")
			require.NoError(t, os.WriteFile(path, []byte(c.source), 0o600))
			require.NoError(t, os.Chmod(path, c.mode))
			file := filepath.Join(dir, "x.panoptes-plugin")
			require.NoError(t, os.WriteFile(file, []byte("[Core]\nName = Good One\nModule = check_thing.py\n"+pluginHead+c.main), 0o600))
			p, warnings, err := Open(file, OpenOptions{})
			require.NoError(t, err)
			assert.Equal(t, c.kind, p.Kind)
			assert.Equal(t, path, p.Module)
			if c.warned {
				require.Len(t, warnings, 1)
				assert.Contains(t, warnings[0], "is executable and has no plugin class: it is run as a program")
			} else {
				assert.Empty(t, warnings)
			}
		})
	}
}
