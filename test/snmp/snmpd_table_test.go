package snmp

import (
	"strings"
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
)

// tables are what a user writes for Module = snmp.
const tables = `
groups:
  - group: interface
    index: ifIndex
    dimensions:
      interface_name: {oid: 1.3.6.1.2.1.31.1.1.1.1, else: 1.3.6.1.2.1.2.2.1.2}
      device: {scalar: 1.3.6.1.2.1.1.5.0}
      kind: {oid: 1.3.6.1.2.1.2.2.1.3, enum: {6: ethernet, 24: loopback}}
    metrics:
      bytes_in: {oid: 1.3.6.1.2.1.31.1.1.1.6, else: 1.3.6.1.2.1.2.2.1.10}
      up: {oid: 1.3.6.1.2.1.2.2.1.8, enum: {1: 1, 2: 0}}
      absent: 1.3.6.1.4.1.9999.2
`

// TestSNMPDTables makes tables of a real agent, of which only the loopback interface is the same on all machines.
func TestSNMPDTables(t *testing.T) {
	port := snmpd(t, []string{"127.0.0.1"})
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	address := "127.0.0.1:" + port
	up := ask(t, e, &engine.Target{Address: address, Credentials: engine.Credentials{Community: "public"}, Timeout: time.Second},
		&engine.Request{Get: []ber.OID{ber.MustOID("1.3.6.1.2.1.1.5.0")}})
	if up.Err != nil {
		t.Fatal(up.Err)
	}
	program, err := profile.Tables("tables.yaml", []byte(tables))
	if err != nil {
		t.Fatal(err)
	}
	got := ours(t, e, address, "interface", program)
	labels := `{device="agent",interface_name="lo",kind="loopback",} `
	if values := got["up"+labels+"gauge"]; len(values) != 1 || values[0] != "1" {
		t.Errorf("the loopback interface: up is %v of %v", values, got)
	}
	if values := got["bytes_in"+labels+"counter"]; len(values) != 1 {
		t.Errorf("the loopback interface: bytes_in is %v of %v", values, got)
	}
	for series := range got {
		if strings.HasPrefix(series, "absent") {
			t.Errorf("a column that is not there has %s", series)
		}
	}
}
