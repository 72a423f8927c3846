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
	for _, name := range []string{"python3.11", "bash", "perl", "ruby", "node", "php", "awk", "timeout", "env", "check_thing", "sed", "make", "grep"} {
		writeScript(t, filepath.Join(dir, name), "exit 0")
	}
	other := t.TempDir()
	data, code := filepath.Join(dir, "data"), filepath.Join(dir, "code")
	for path, text := range map[string]string{
		data: "data", code: "code", code + ".sh": "code",
		filepath.Join(dir, "x.so"): "library", filepath.Join(other, "there"): "code", filepath.Join(other, "there.sh"): "code", filepath.Join(dir, "elf"): "\x7fELF",
		filepath.Join(dir, "shebang"): "#!/usr/bin/env -S sh -e " + code + "\n",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	for _, c := range []struct{ module, args, scripts, err string }{
		{"python3.11", "SCRIPT -H {resource_endpoint}", "SCRIPT", ""},
		{"python3.11", "-I -u -W ignore -Xdev SCRIPT --flag x", "SCRIPT", ""},
		{"python3.11", "-c 'print(1)' SCRIPT", "SCRIPT", ""},
		{"python3.11", "-- SCRIPT", "SCRIPT", ""},
		{"python3.11", "-", "", ""},
		{"python3.11", "", "", ""},
		{"python3.11", "-m check", "", `"-m" is looked up elsewhere: name the file`},
		{"python3.11", "--check-hash-based-pycs always SCRIPT", "", `write the option "--check-hash-based-pycs" with its value in one word`},
		{"python3.11", "{resource_metadata.script}", "", `no resource may name what is run`},
		{"python3.11", "/opt/{resource_id}.py", "", `no resource may name what is run`},
		{"python3.11", "missing.py", "", `"missing.py" is no regular file, or none with an absolute path`},
		{"python3.11", "DIR", "", `"DIR" is no regular file`},
		{"python3.11", "x.py", "SCRIPT", ""}, // it is run in its own folder
		{"bash", "-e -o pipefail SCRIPT TOOL", "TOOL SCRIPT", ""},
		{"bash", "+o noclobber --norc SCRIPT", "SCRIPT", ""},
		{"bash", "-ec 'exec check_x'", "", ""},
		{"perl", "-wT -I DIR SCRIPT", "SCRIPT", ""},
		{"perl", "-F: -lane 'print'", "", ""},
		{"perl", "-MPOSIX SCRIPT", "SCRIPT", ""}, // as "use POSIX" in the script
		{"perl", "-wMTime::HiRes=time,sleep -M-strict -mFoo SCRIPT", "SCRIPT", ""},
		{"perl", "-M{resource_id} SCRIPT", "", `"-M{resource_id}" is looked up elsewhere`},
		{"perl", "'-MFoo;do x' SCRIPT", "", `is looked up elsewhere`},
		{"perl", "-I {resource_id} SCRIPT", "", `no resource may name where code is`},
		{"ruby", "-W0 -IDIR SCRIPT", "SCRIPT", ""},
		{"node", "--max-old-space-size=64 SCRIPT", "SCRIPT", ""},
		{"php", "-q -f SCRIPT", "SCRIPT", ""},
		{"php", "-fSCRIPT", "SCRIPT", ""},
		{"awk", "-F: -f SCRIPT /etc/passwd", "SCRIPT", ""},
		{"awk", "'{print $1}' DATA", "", ""},
		{"timeout", "10 python3.11 SCRIPT", "SCRIPT", ""},
		{"timeout", "10 TOOL -x", "TOOL", ""},
		{"env", "A=b DIR/python3.11 SCRIPT", "DIR/python3.11 SCRIPT", ""},
		{"check_thing", "-c SCRIPT -x {resource_id}", "", ""}, // it may look for it
		{"wrapper", "-c SCRIPT -x {resource_id}", "SCRIPT", ""},
		{"check_thing", "-c TOOL", "TOOL", ""},
		{"check_thing", "--file=DATA -F DATA -C python3 -w 1: -m RSS -H {resource_endpoint}", "", ""},
		{"awk", "-f DATA -f CODE /etc/passwd", "CODE DATA", ""},
		{"awk", "--file=CODE DATA", "CODE", ""},
		{"sed", "-nf CODE DATA", "CODE", ""},
		{"sed", "-n p DATA -fCODE", "CODE", ""},
		{"make", "-sf CODE all", "CODE", ""},
		{"make", "-s --file CODE all", "CODE", ""},
		{"make", "-C DIR", "", `"-C" is looked up elsewhere`},
		{"env", "-S 'python3 CODE'", "CODE", ""},
		{"env", "'-Spython3 -u' CODE", "CODE", ""},
		{"env", "-vS 'A=b nice -n 5 python3 CODE'", "CODE", ""},
		{"env", "'--split-string=python3 CODE'", "CODE", ""},
		{"env", "-S \"sh -c 'exec python3 CODE'\"", "CODE", ""},
		{"env", "LD_PRELOAD=DIR/x.so true", "DIR/x.so", ""},
		{"prlimit", "--nofile=10 python3 CODE", "CODE", ""},
		{"setpriv", "--nnp python3 CODE", "CODE", ""},
		{"runuser", "-u nobody -- python3 CODE", "CODE", ""},
		{"chroot", "/ python3 CODE", "CODE", ""},
		{"strace", "-f -o DATA python3 CODE", "CODE", ""},
		{"flock", "DATA -c 'python3 CODE'", "CODE", ""},
		{"script", "-qc 'python3 CODE' /dev/null", "CODE", ""},
		{"xargs", "-a DATA python3 CODE", "CODE", ""},
		{"ld-linux-x86-64.so.2", "DIR/python3.11 CODE", "CODE DIR/python3.11", ""},
		{"ld-linux-x86-64.so.2", "ELF", "ELF", ""},
		{"time", "-p sh CODE", "CODE", ""},
		{"env", "--chdir=OTHER sh there", "OTHER/there", ""},
		{"bash", "-c 'cd OTHER && ./there.sh'", "OTHER/there.sh", ""},
		{"bash", "-c '. CODE; tail DATA|sh CODE.sh'", "CODE CODE.sh", ""},
		{"timeout", "10 sed -nf CODE DATA", "CODE", ""},
		{"timeout", "10 python3 -m check", "", `"-m" is looked up elsewhere`},
		{"timeout", "10 python3 {resource_metadata.script}", "", `no resource may name what is run`},
		{"timeout", "10 python3 missing.py", "", `"missing.py" is no regular file, or none with an absolute path`},
		{"timeout", "10 python3 /nowhere/missing.py", "", ""},
		// What a program looks for is not run, however it is named.
		{"grep", "-c python3 DATA", "", ""},
		{"grep", "-ie python3 DATA", "", ""},
		{"grep", "python3 DATA", "", ""},
		{"grep", "-c '(a|python3)' DATA", "", ""},
		{"bash", "-c 'grep . DATA'", "", ""},
		{"grep", "-c x SCRIPT TOOL", "TOOL", ""}, // what can be executed is looked at again when it starts
		{"timeout", "10 grep python3 DATA", "", ""},
		{"bash", "-c 'grep -c python3 DATA'", "", ""},
		{"bash", "-c 'echo \"OK | n=$(grep -c python3 DATA)\"'", "", ""},
		{"bash", "-c 'grep -c python3 DATA; echo OK'", "", ""},
		{"bash", "-c 'grep x DATA; python3 CODE'", "CODE", ""},
		{"bash", "-c 'grep x DATA | python3 CODE'", "CODE", ""},
		{"bash", "-c \"grep x DATA\npython3 CODE\"", "CODE", ""},
		{"bash", "-c 'n=$(grep x DATA) python3 CODE'", "CODE", ""},
		{"bash", "-c 'n=$(grep python3 DATA)'", "", ""},
		{"bash", "-c 'sh<CODE'", "CODE", ""},
		{"bash", "-c 'sh < CODE'", "CODE", ""},
		{"bash", "-c 'timeout 5 grep python3 DATA'", "", ""},
		{"bash", "-c 'timeout 5 python3 CODE'", "CODE", ""},
		{"bash", "-c python3", "", ""},
		{"check_thing", "-C python3 DATA", "", ""},
		{"check_thing", "-C php -a DATA", "", ""},
		{"check_thing", "--hostname node DATA", "", ""},
		{"check_procs", "-a SCRIPT", "", ""},
		{"check_file_age", "-f CODE.sh", "", ""},
		{"ssh", "-p 1 h 'python3 CODE'", "", ""},
		{"ssh", "-o 'ProxyCommand sh CODE %h' h", "CODE", ""},
		{"ssh", "-o 'ProxyCommand=sh CODE' h", "CODE", ""},
		{"ssh", "-oProxyCommand=TOOL h", "TOOL", ""},
		{"timeout", "5 DIR/grep x", "DIR/grep", ""},
		{"find", "DATA -exec sh CODE ;", "CODE", ""},
		{"env", "-i MODE=grep python3 CODE", "CODE", ""},
		{"strace", "-o /tmp/grep python3 CODE", "CODE", ""},
		{"sudo", "-n python3 CODE", "CODE", ""},
		{"shebang", "", "CODE", ""},
		{"awk", strings.Repeat("awk ", 3000), "", "more than 2000 words"},
	} {
		t.Run(c.module+" "+c.args[:min(len(c.args), 60)], func(t *testing.T) {
			t.Parallel()
			fill := strings.NewReplacer("SCRIPT", script, "TOOL", tool, "DIR", dir, "DATA", data, "CODE", code, "OTHER", other, "ELF", filepath.Join(dir, "elf")).Replace
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

// Where an interpreter is told that code is counts like the variables that say so.
func TestFoldersOfCode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"perl", "ruby", "php", "java", "node", "make", "env", "grep", "x.pl"} {
		writeScript(t, filepath.Join(dir, name), "exit 0")
	}
	for _, c := range []struct{ module, args, folders string }{
		{"perl", "-I /bob DIR/x.pl", "/bob"},
		{"perl", "-wI/bob -I/eve DIR/x.pl", "/bob /eve"},
		{"perl", "-Ilib DIR/x.pl", "DIR/lib"},
		{"perl", "DIR/x.pl -I /bob", ""}, // the script's
		{"ruby", "-I/bob:/eve DIR/x.pl", "/bob /eve"},
		{"env", "perl -I /bob DIR/x.pl", "/bob"},
		{"env", "java -classpath '/bob/*:/eve/x.jar' X", "/bob /eve/x.jar"},
		{"java", "-cp /bob X", "/bob"},
		{"java", "-javaagent:/bob/a.jar=x -version", "/bob/a.jar"},
		{"php", "-d include_path=/bob DIR/x.pl", "/bob"},
		{"php", "-dauto_prepend_file=/bob/x DIR/x.pl", "/bob/x"},
		{"node", "--require=/bob/x DIR/x.pl", "/bob/x"},
		{"make", "-I /bob all", "/bob"},
		{"grep", "-I /bob", ""},
	} {
		fill := strings.NewReplacer("DIR", dir).Replace
		args, err := parseArguments(fill(c.args))
		require.NoError(t, err)
		g := &program{args: args}
		require.NoError(t, g.findScripts(filepath.Join(dir, c.module)), c.args)
		var folders []string
		for _, path := range g.others {
			if filepath.IsAbs(path) {
				folders = append(folders, path)
			}
		}
		assert.Equal(t, fill(c.folders), strings.Join(folders, " "), "%s %s", c.module, c.args)
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
