package cli

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a command line in process.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = RunContext(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{}, 2, "", "a command is missing"},
		{[]string{"version"}, 0, "panoptes " + Version, ""},
		{[]string{"--version"}, 0, "panoptes " + Version + " (" + runtime.Version(), ""},
		{[]string{"validate"}, 2, "", "expected panoptes validate FILE"},
		{[]string{"--help"}, 0, "Exit codes: 0 fine", ""},
		{[]string{"pipe", "--help"}, 0, "--transform", ""},
		{[]string{"bogus"}, 2, "", `unknown command "bogus" of panoptes`},
		{[]string{"demmo"}, 2, "", `did you mean "demo"?`},
		{[]string{"plugin"}, 2, "", "a command is missing"},
		{[]string{"plugin", "walk"}, 2, "", `unknown command "walk" of panoptes plugin`},
		{[]string{"pipe", "--bogus"}, 2, "", "unknown flag: --bogus"},
		{[]string{"pipe", "extra"}, 2, "", "Run 'panoptes pipe --help' for usage."},
		{[]string{"pipe", "--rates", "float"}, 2, "", `unknown --rates "float": expected one of ["int" "double"]`},
		{[]string{"pipe", "--partitions", "-1"}, 2, "", "--partitions must be from 1 to 2147483647"},
		{[]string{"pipe", "--partitions", "3000000000"}, 2, "", "--partitions must be from 1 to 2147483647"},
		{[]string{"pipe", "--partitions", "x"}, 2, "", `invalid argument "x"`},
		{[]string{"resources", "match", "--filter", `resource_class = "a"`}, 2, "", "requires at least 1 arg"},
		{[]string{"resources", "match", "x.json"}, 2, "", `required flag(s) "filter" not set`},
		{[]string{"plugin", "run"}, 2, "", "accepts 1 arg(s)"},
		{[]string{"plugin", "run", "x"}, 2, "", `stat x: no such file`},
		{[]string{"plugin", "run", "x", "--resources", "y", "--json", "--otlp"}, 2, "", "[json otlp]"},
		{[]string{"plugin", "run", "x", "--resources", "y", "--times", "0"}, 2, "", "--times must be at least 1, is 0"},
		{[]string{"plugin", "run", "x", "--resources", "y", "--pause", "5"}, 2, "", `invalid argument "5"`},
		{[]string{"tail"}, 2, "", "at least one of the flags in the group [brokers config] is required"},
		{[]string{"tail", "--brokers", "x:1", "--from", "x5"}, 2, "", `unknown --from "x5"`},
		{[]string{"tail", "--brokers", "x:1", "--count", "-5"}, 2, "", "--count must not be negative"},
		{[]string{"tail", "--brokers", "x:nonsense"}, 2, "", "nonsense"},
		{[]string{"demo", "--broker-port", "0"}, 2, "", ""},
		{[]string{"migrate"}, 2, "", "requires at least 1 arg"},
		{[]string{"__complete", "migrate", ""}, 0, "ini\n:8\n", ""},
		{[]string{"completion", "bash"}, 0, "bash completion", ""},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, "", c.args...)
			require.Equal(t, c.code, code, stderr)
			require.Contains(t, stdout, c.stdout)
			require.Contains(t, stderr, c.stderr)
			if c.code == 2 {
				require.Empty(t, stdout)
			}
		})
	}
}

// TestHelp: every command has a description and, unless it only holds others, an example.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"demo"}, {"explain"}, {"migrate"}, {"parity"}, {"pipe"}, {"plugin", "run"}, {"plugin", "list"}, {"resources", "match"}, {"resources", "list"}, {"tail"}, {"version"},
	} {
		code, stdout, stderr := run(t, "", append(args, "--help")...)
		require.Zero(t, code)
		require.Contains(t, stdout, "Examples:\n  panoptes "+strings.Join(args, " "))
		require.Empty(t, stderr)
	}
}
