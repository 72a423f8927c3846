package panoptesreceiver

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

const (
	// snmpSwitch is a device that has run for 100 seconds.
	snmpSwitch = `1.3.6.1.2.1.1.3.0|67|10000
1.3.6.1.2.1.2.2.1.14.1|65|3
1.3.6.1.2.1.2.2.1.14.2|65|4
1.3.6.1.2.1.31.1.1.1.1.1|4|eth0
1.3.6.1.2.1.31.1.1.1.1.2|4|eth1
1.3.6.1.2.1.31.1.1.1.6.1|70|5000000000
1.3.6.1.2.1.31.1.1.1.6.2|70|7
`
	snmpTables = `groups:
  - group: interface
    help: What goes through an interface.
    index: ifIndex
    dimensions:
      interface_name: 1.3.6.1.2.1.31.1.1.1.1
    metrics:
      octets_in: {oid: 1.3.6.1.2.1.31.1.1.1.6, unit: By, help: Octets that came in.}
      errors_in: 1.3.6.1.2.1.2.2.1.14
`
)

// snmpAgent starts an agent that answers from a recording, and lists it as the resource switch1.
func (b *bench) snmpAgent(recording string) *agenttest.Server {
	source, err := snmprec.Parse("device", []byte(recording))
	require.NoError(b.t, err)
	agent := agenttest.Start(b.t, "udp4", &agenttest.Server{Source: source, Community: "s3cret"})
	_, port, err := net.SplitHostPort(agent.Address())
	require.NoError(b.t, err)
	b.write("resources/one.json", "["+strings.Replace(resourceJSON("switch1"), `"os":"linux"`, `"snmp_port":"`+port+`"`, 1)+"]")
	b.write("secrets/snmp_community_string/local", "s3cret\n")
	b.cfg.Secrets.Directory = b.dir + "/secrets"
	return agent
}

const snmpPluginFile = "[Core]\nName = tables\nModule = snmp\n[main]\nexecute_frequency = 1\nresource_filter = resource_class = \"system\"\n"

// TestSNMPTables polls tables without a program.
func TestSNMPTables(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	agent := b.snmpAgent(snmpSwitch)
	b.write("plugins/tables.panoptes-plugin", snmpPluginFile)
	b.write("plugins/tables.yaml", snmpTables)
	b.start()
	p := b.until("eth0", func(p point) bool {
		return p.metric == "interface.octets_in" && p.dimensions["interface_name"] == "eth0"
	})
	assert.InDelta(t, 5000000000, p.value, 0)
	assert.Equal(t, "By", p.unit)
	assert.Equal(t, "octets_in=64 errors_in=32", p.widths)
	started := p.start
	assert.WithinDuration(t, time.Now().Add(-100*time.Second), started, 30*time.Second)

	// The device starts anew: so do its counters.
	agent.Lock()
	restarted, err := snmprec.Parse("device", []byte(strings.Replace(snmpSwitch, "|67|10000", "|67|0", 1)))
	require.NoError(t, err)
	agent.Source = restarted
	agent.Unlock()
	p = b.until("a new start", func(p point) bool {
		return p.metric == "interface.octets_in" && p.start.Sub(started) > 50*time.Second
	})
	assert.WithinDuration(t, time.Now(), p.start, 30*time.Second)

	// A column that ends in an error costs itself, and is counted.
	agent.Lock()
	agent.Source = snmpFault{agent.Source.(*snmprec.Recording), ber.MustOID("1.3.6.1.2.1.2.2.1.14")}
	agent.Unlock()
	b.line("A device did not answer all that a plugin asks of it; what is missing is counted from now on")
	assert.Positive(t, b.sum("panoptes_dropped_groups", "reason=not_fetched"))

	// An edit of the tables takes effect.
	b.write("plugins/tables.yaml", strings.Replace(snmpTables, "octets_in", "octets_seen", 1))
	b.until("the edited tables", func(p point) bool { return p.metric == "interface.octets_seen" })
	assert.NotContains(t, b.log(), "s3cret")
}

// snmpFault is a device that cannot read a column.
type snmpFault struct {
	device *snmprec.Recording
	column ber.OID
}

func (f snmpFault) Answer(request *message.PDU, room []byte) message.PDU {
	for list, n := request.Variables, int32(1); len(list) > 0; n++ {
		v, rest, err := ber.ReadVarBind(list)
		if err != nil {
			break
		}
		name, err := ber.ParseContent(v.OID)
		if _, below := name.Index(f.column); err == nil && (below || name == f.column) {
			return message.PDU{Type: message.Response, Status: message.GenErr, Index: n, Variables: append(room, request.Variables...)}
		}
		list = rest
	}
	return f.device.Answer(request, room)
}
