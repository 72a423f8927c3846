//go:build unix

package safepath

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func program(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
	return path
}

func TestWhatAProgramRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	loose, own := filepath.Join(dir, "loose"), filepath.Join(dir, "own")
	sh := program(t, filepath.Join(own, "sh"), "\x7fELF")
	program(t, filepath.Join(loose, "sh"), "\x7fELF")
	require.NoError(t, os.Chmod(loose, 0o777))
	program(t, filepath.Join(loose, "other"), "\x7fELF")
	none := filepath.Join(loose, "none")
	for _, c := range []struct{ name, text, searchPath, err string }{
		{"binary", "\x7fELF", "", ""},
		{"empty", "", "", ""},
		{"script", "#!/bin/sh\n", "", ""},
		{"script with spaces", "#! \t/bin/sh -e\r\n", "", ""},
		{"no interpreter named", "#!\n", "", ""},
		{"interpreter of others", "#!" + filepath.Join(loose, "sh") + "\n", "", "chmod o-w " + loose},
		{"interpreter by a relative path", "#!../loose/sh -e\n", "", "chmod o-w " + loose},
		{"interpreter of a script", "#!" + program(t, filepath.Join(own, "wrapper"), "#!"+filepath.Join(loose, "sh")+"\n") + "\n", "", "chmod o-w " + loose},
		{"found before", "#!/usr/bin/env sh\n", own + ":" + loose, ""},
		{"others' folder is first", "#!/usr/bin/env sh\n", loose + ":" + own, "in which \"sh\" is looked up"},
		{"others' folder has none", "#!/usr/bin/env -S A=b absent -x\n", loose + ":" + own, "in which \"absent\" is looked up"},
		{"a folder that others can make", "#!/usr/bin/env sh\n", none + ":" + own, "chmod o-w " + loose},
		{"a folder that nobody can make", "#!/usr/bin/env sh\n", filepath.Join(own, "none") + ":" + own, ""},
		{"env with a path", "#!/usr/bin/env " + filepath.Join(loose, "sh") + "\n", own, "chmod o-w " + loose},
		{"a file that is run", "#!/bin/sh " + filepath.Join(loose, "sh") + "\n", "", "chmod o-w " + loose},
		{"a file with an option", "#!/usr/bin/awk -nf" + filepath.Join(loose, "sh") + "\n", "", "chmod o-w " + loose},
		{"a file after env", "#!/usr/bin/env -S sh -e " + filepath.Join(loose, "sh") + "\n", own, "chmod o-w " + loose},
		{"a program behind another", "#!/usr/bin/env -S sh other\n", own + ":" + loose, "chmod o-w " + loose},
		{"words that are no programs", "#!/usr/bin/env -S sh none -x\n", own + ":" + loose, ""},
		{"the working directory", "#!/usr/bin/env sh\n", ":" + own, ""},
		{"itself", "#!./script\n", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			script := program(t, filepath.Join(own, "plugins-"+filepath.Base(t.TempDir())+c.name, "script"), c.text)
			if c.name == "interpreter by a relative path" {
				script = program(t, filepath.Join(own, "script"), c.text)
			}
			err := CheckProgram(filepath.Dir(script), script, c.searchPath)
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrUnsafe)
			require.ErrorContains(t, err, c.err)
		})
	}
	require.NoError(t, CheckProgram(own, sh, ""))
	require.NoError(t, CheckProgram(own, filepath.Join(own, "absent"), ""))
	require.ErrorContains(t, CheckProgram(own, filepath.Join(loose, "absent"), ""), "chmod o-w "+loose)
	require.NoError(t, CheckProgram(own, "sh", own+":"+loose))
	require.ErrorIs(t, CheckProgram(own, "sh", loose+":"+own), ErrUnsafe)
	require.ErrorIs(t, CheckProgram(own, filepath.Join(loose, "sh"), ""), ErrUnsafe)
}
