package snmpcmd

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/plugincmd"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const recording = `1.3.6.1.2.1.1.3.0|67|4711
1.3.6.1.2.1.2.2.1.2.1|4|eth0
1.3.6.1.2.1.2.2.1.2.2|4|lo
1.3.6.1.2.1.2.2.1.6.1|4x|0002b3ff
1.3.6.1.2.1.31.1.1.1.6.1|70|5000000000
1.3.6.1.2.1.31.1.1.1.6.2|70|7
`

// agent returns the address of a device with the recording, and a configuration that has its community.
func agent(t *testing.T) (address, config string) {
	t.Helper()
	source, err := snmprec.Parse("switch", []byte(recording))
	require.NoError(t, err)
	s := agenttest.Start(t, "udp4", &agenttest.Server{Source: source, Community: "k9TqvW"})
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("secrets/lab/dc1", "k9TqvW\n")
	resources := write("resources.json", `[{"resource_site": "dc1", "resource_class": "network", "resource_subclass": "switch", "resource_type": "generic",
		"resource_id": "switch1", "resource_endpoint": "`+s.Address()+`", "resource_metadata": {"_resource_ttl": "900"},
		"resource_creation_timestamp": 1512629517.03, "resource_plugin": "p"}]`)
	return s.Address(), write("collector.yaml", `
receivers:
  panoptes:
    plugins: {directories: [`+dir+`]}
    resources: {files: [`+resources+`]}
    secrets: {directory: `+dir+`/secrets}
    context: {snmp: {credentials: [{community: lab}]}}
`)
}

func execute(cmd *cobra.Command, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err = cmd.Execute()
	return out.String(), errs.String(), err
}

func TestGetAndWalk(t *testing.T) {
	t.Parallel()
	address, config := agent(t)
	stdout, stderr, err := execute(NewGet(), address, "sysUpTime.0", ".1.3.6.1.2.1.1.5.0", "--community", "k9TqvW")
	require.NoError(t, err, stderr)
	require.Regexp(t, `\.1\.3\.6\.1\.2\.1\.1\.3\.0\s+sysUpTime\.0\s+TimeTicks\s+4711\n`, stdout)
	require.Regexp(t, `sysName\.0\s+noSuch`, stdout)
	require.Contains(t, stderr, "1 packets sent, 1 received")

	stdout, stderr, err = execute(NewWalk(), "switch1", "ifDescr", "ifPhysAddress", "ifHCInOctets", "--config", config)
	require.NoError(t, err, stderr)
	require.Regexp(t, `ifDescr\.1\s+\S+( \S+)?\s+eth0\n`, stdout)
	require.Regexp(t, `ifPhysAddress\.1\s+\S+( \S+)?\s+0x0002b3ff\n`, stdout)
	require.Regexp(t, `ifHCInOctets\.1\s+Counter64\s+5000000000\n`, stdout)
	require.NotContains(t, stdout+stderr, "k9TqvW")
}

// What is recorded is what is played.
func TestRecord(t *testing.T) {
	t.Parallel()
	_, config := agent(t)
	stdout, stderr, err := execute(NewRecord(plugincmd.Host{}), "switch1", "--config", config)
	require.NoError(t, err, stderr)
	require.Equal(t, recording, stdout)
	stdout, _, err = execute(NewRecord(plugincmd.Host{}), "switch1", "ifDescr", ".1.3.6.1.2.1.2.2", "--config", config)
	require.NoError(t, err)
	again, err := snmprec.Parse("", []byte(stdout))
	require.NoError(t, err)
	require.Equal(t, 3, again.Len())
}

// What a plugin asks for is recorded, and no more.
func TestRecordWhatAPluginAsks(t *testing.T) {
	t.Parallel()
	address, config := agent(t)
	dir := t.TempDir()
	plugin := filepath.Join(dir, "names.panoptes-plugin")
	require.NoError(t, os.WriteFile(plugin, []byte("[Core]\nName = names\nModule = snmp\n[main]\nexecute_frequency = 60\n"+
		"resource_filter = resource_class = \"network\"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "names.yaml"), []byte("uptime: none\ngroups:\n  - group: interface\n    index: i\n"+
		"    dimensions: {name: 1.3.6.1.2.1.2.2.1.2}\n    metrics: {octets: 1.3.6.1.2.1.31.1.1.1.6}\n"), 0o600))
	const want = `1.3.6.1.2.1.2.2.1.2.1|4|eth0
1.3.6.1.2.1.2.2.1.2.2|4|lo
1.3.6.1.2.1.31.1.1.1.6.1|70|5000000000
1.3.6.1.2.1.31.1.1.1.6.2|70|7
`
	stdout, stderr, err := execute(NewRecord(plugincmd.Host{}), "switch1", "--plugin", plugin, "--config", config)
	require.NoError(t, err, stderr)
	require.Equal(t, want, stdout)
	stdout, stderr, err = execute(NewRecord(plugincmd.Host{}), address, "--plugin", plugin, "--community", "k9TqvW")
	require.NoError(t, err, stderr)
	require.Equal(t, want, stdout)
	_, _, err = execute(NewRecord(plugincmd.Host{}), "switch1", "ifDescr", "--plugin", plugin, "--config", config)
	require.ErrorContains(t, err, "--plugin goes without OIDs")
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	address, _ := agent(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{address, "sysUptime.0"}, `"sysUptime.0" is no object identifier`},
		{[]string{address, "1.3", "--timeout", "0s"}, "--timeout must be more than 0"},
		{[]string{address, "1.3", "--receiver", "x"}, "--receiver goes with --config"},
		{[]string{address, "1.3"}, `(used key "snmp_community_string"): no resource has this ID, and a host needs --community`},
	} {
		_, _, err := execute(NewWalk(), c.args...)
		require.ErrorContains(t, err, c.want)
	}
	_, stderr, err := execute(NewWalk(), address, "sysUpTime.0", "--community", "k9TqvW")
	require.NoError(t, err)
	require.Contains(t, stderr, "nothing is below what was asked for")
	_, _, err = execute(NewRecord(plugincmd.Host{}), address, "sysUpTime.0", "--community", "k9TqvW")
	require.ErrorContains(t, err, "nothing is below what was asked for", "an empty recording")
	_, stderr, err = execute(NewWalk(), address, "1.3", "--community", "wrong", "--timeout", "50ms", "--retries", "0")
	require.Error(t, err)
	require.Contains(t, stderr, "no answer")
	require.NotContains(t, stderr, "wrong")
}
