package plugincmd

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// The checks measure the memory of this process: no other test may run beside them.
func TestCheckForPeople(t *testing.T) {
	f := newFolder(t)
	f.plugin(t, "good", "go:silent", `resource_class = "system"`, "")
	bad := f.plugin(t, "bad", "go:raising", `resource_class = "system"`, "")
	stdout, _, err := execute(t, NewCheck(host), f.path, "--resources", f.resources, "--runs", "20")
	require.ErrorIs(t, err, exit.ErrReported)
	require.Contains(t, stdout, bad+"\npass  plugin_file")
	require.Contains(t, stdout, "\nfail  run            raised: ")
	require.Contains(t, stdout, "\npass  many_runs      20 runs, ")
	require.True(t, strings.HasSuffix(stdout, "\n13 passed, 1 failed, 0 warned, 2 skipped\n"), stdout)
}

// As above, it runs alone.
func TestCheckMachineReadable(t *testing.T) {
	f := newFolder(t)
	good := f.plugin(t, "good", "go:silent", `resource_class = "system"`, "")
	stdout, _, err := execute(t, NewCheck(host), good, "--runs", "5", "--json")
	require.NoError(t, err)
	verdicts := map[string]string{}
	for line := range strings.Lines(stdout) {
		var c struct{ File, Check, Verdict, Detail string }
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		require.Equal(t, good, c.File)
		verdicts[c.Check] = c.Verdict
	}
	require.Equal(t, "pass", verdicts["many_runs"])
	require.Equal(t, "skip", verdicts["resources"])

	bad := f.plugin(t, "bad", "go:panicking", `resource_class = "system"`, "")
	stdout, _, err = execute(t, NewCheck(host), good, bad, "--runs", "5", "--junit")
	require.ErrorIs(t, err, exit.ErrReported)
	var report struct {
		Suites []junitSuite `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(stdout), &report))
	require.Len(t, report.Suites, 2)
	require.Equal(t, bad, report.Suites[0].Name)
	require.Equal(t, 1, report.Suites[0].Failures)
	require.Equal(t, 0, report.Suites[1].Failures)
	require.Equal(t, 3, report.Suites[1].Skipped)
	last := report.Suites[0].Cases[len(report.Suites[0].Cases)-1]
	require.Contains(t, last.Failure.Text, "at the disco")
}

func TestCheckMisuse(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	_, _, err := execute(t, NewCheck(host), f.path)
	require.Equal(t, exit.Usage, exit.Code(err))
	_, _, err = execute(t, NewCheck(host), f.path+"/absent")
	require.Equal(t, exit.Usage, exit.Code(err))
	_, _, err = execute(t, NewCheck(host), f.path, "--runs", "0")
	require.ErrorContains(t, err, "--runs")
}

// The memory of plugins is that of this process and of its children.
func TestHeldMemory(t *testing.T) {
	t.Parallel()
	held, err := heldMemory()
	require.NoError(t, err)
	require.Positive(t, held)
}
