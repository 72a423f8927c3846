package panoptesreceiver

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// snmpPlugin walks two columns, and counts how often the passphrases lie in the memory of its process.
const snmpPlugin = `
        from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory
        connection = PanoptesSNMPConnectionFactory.get_snmp_connection(context, context.data)
        names = {row.index: row.value for row in connection.bulk_walk('.1.3.6.1.2.1.31.1.1.1.1')}
        octets = sum(int(row.value) for row in connection.bulk_walk('.1.3.6.1.2.1.31.1.1.1.6'))
        group.add_dimension(PanoptesMetricDimension('names', ' '.join(sorted(names.values()))))
        found = 0
        with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
            for line in maps:
                span, mode = line.split()[:2]
                if not mode.startswith('rw'):
                    continue
                begin, end = (int(at, 16) for at in span.split('-'))
                try:
                    memory.seek(begin)
                    text = memory.read(end - begin)
                except (OSError, ValueError):
                    continue
                for first, second in ((b'Kw3pL9xT', b'vB8nQ2mD'), (b'Rz5cH7jY', b'sG4fU6kM')):  # never in one piece here
                    at = text.find(first)
                    while at >= 0:
                        found += text[at + 8:at + 16] == second
                        at = text.find(first, at + 1)
        group.add_dimension(PanoptesMetricDimension('secrets', str(found)))
        group.add_metric(PanoptesMetric('octets', octets, PanoptesMetricType.GAUGE))
        return groups
`

// TestSNMP has an unmodified plugin poll a device with version 3: the credentials are the host's alone.
func TestSNMP(t *testing.T) {
	t.Parallel()
	const table = "1.3.6.1.2.1.31.1.1.1.1.1|4|eth0\n1.3.6.1.2.1.31.1.1.1.1.2|4|eth1\n1.3.6.1.2.1.31.1.1.1.6.1|70|5000000000\n1.3.6.1.2.1.31.1.1.1.6.2|70|7\n"
	source, err := snmprec.Parse("device", []byte(table))
	require.NoError(t, err)
	user, err := usm.NewUser("panoptes", usm.SHA256, "Kw3pL9xTvB8nQ2mD", usm.AES128, "Rz5cH7jYsG4fU6kM")
	require.NoError(t, err)
	agent := agenttest.Start(t, "udp4", &agenttest.Server{
		Source: source, Users: map[string]*usm.User{"panoptes": user},
	})
	_, port, err := net.SplitHostPort(agent.Address())
	require.NoError(t, err)
	b := newBench(t)
	b.write("resources/one.json", "["+strings.Replace(resourceJSON("switch1"), `"os":"linux"`, `"snmp_port":"`+port+`"`, 1)+"]")
	b.write("secrets/snmp_auth/default", "Kw3pL9xTvB8nQ2mD\n")
	b.write("secrets/snmp_priv/local", "Rz5cH7jYsG4fU6kM\n")
	b.cfg.Secrets.Directory = b.dir + "/secrets"
	b.cfg.Context.SNMP.Credentials = []SNMPCredentialsConfig{
		{Resources: `resource_id = "other"`, Community: "x"},
		{Resources: `resource_class = "system"`, Version: "3", User: "panoptes", Auth: "sha256", AuthSecret: "snmp_auth", Priv: "aes", PrivSecret: "snmp_priv"},
	}
	b.write("plugins/polls.py", module(snmpPlugin))
	b.write("plugins/polls.panoptes-plugin", strings.Replace(conf("polls", "polls"), "execute_frequency = 1", "execute_frequency = 5", 1)) // it reads its memory
	b.start()
	for range 2 { // the second run reads ahead
		p := b.until("the sum", func(p point) bool { return p.metric == "test.octets" })
		assert.InDelta(t, 5000000007, p.value, 0)
		assert.Equal(t, map[string]any{"names": "eth0 eth1", "secrets": "0"}, p.dimensions)
	}
	assert.Contains(t, b.log(), "Using SNMPv3 connection for 127.0.0.1")
	assert.NotContains(t, b.log(), "Kw3pL9xT")
	assert.Positive(t, b.sum("panoptes_snmp_packets", "direction=received"))
	assert.Zero(t, b.sum("panoptes_snmp_dropped_packets"))
}
