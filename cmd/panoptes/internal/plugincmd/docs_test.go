package plugincmd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestDocs(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	inFile := f.plugin(t, "counting", "go:counting", `resource_class = "system"`, "[contract]\nexample =\n  counter n {thing}: Things\n  dimension cpu\n")
	stdout, stderr, err := execute(t, NewDocs(host), inFile)
	const want = "# counting\n\n## example\n\n| metric | type | unit | bounds | description |\n| --- | --- | --- | --- | --- |\n" +
		"| `n` | counter | {thing} |  | Things |\n\n| dimension | description |\n| --- | --- |\n| `cpu` |  |\n\n"
	if err != nil || stdout != want {
		t.Errorf("%v, %s\n%s\nwant\n%s", err, stderr, stdout, want)
	}
	none := f.plugin(t, "silent", "go:silent", `resource_class = "system"`, "")
	if _, stderr, err := execute(t, NewDocs(host), none); err == nil || !strings.Contains(stderr, `plugin "silent" has no contract`) {
		t.Errorf("%v, %s", err, stderr)
	}
	if runtime.GOOS == "windows" {
		return // a script is no program there
	}
	// A process plugin is asked.
	script := filepath.Join(filepath.Dir(none), "door")
	const answers = `#!/bin/sh
read -r a; echo '{"jsonrpc":"2.0","id":1,"result":{"protocol_version":1}}'
read -r a; echo '{"jsonrpc":"2.0","id":2,"result":{"groups":[{"type":"door","metrics":[{"name":"open","type":"gauge"}]}]}}'
read -r a
`
	if err := os.WriteFile(script, []byte(answers), 0o700); err != nil {
		t.Fatal(err)
	}
	process := f.plugin(t, "doors", "door", `resource_class = "system"`, "")
	if stdout, stderr, err := execute(t, NewDocs(host), process); err != nil || !strings.Contains(stdout, "| `open` | gauge |") {
		t.Errorf("%v, %s\n%s", err, stderr, stdout)
	}
}
