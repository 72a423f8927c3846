package profile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/tabletest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

func TestExporter(t *testing.T) {
	x, err := profile.OpenExporter("snmp.yml", readFile(t, "testdata/exporter/snmp.yml"))
	require.NoError(t, err)
	m, err := x.Modules("interfaces", "sensor-texts")
	require.NoError(t, err)
	golden(t, "testdata/exporter/snmp.golden",
		poll(t, m.Program, tabletest.Open(t, "testdata/exporter/snmp.snmprec"), &table.State{}))
	assert.Equal(t, 3*time.Second, m.Timeout)
	assert.Equal(t, 2, m.Retries)
	assert.Empty(t, m.Notices)
	assert.Equal(t, map[string]engine.Credentials{
		"public_v2": {Community: "public"},
		"lab": {
			Version: engine.V3, User: "reader", Auth: usm.SHA256, AuthPassphrase: "authentication", Priv: usm.AES128,
			PrivPassphrase: "encryption", Context: "vlan7",
		},
	}, m.Auths)
}

func TestExporterNamesWhatIsWrong(t *testing.T) {
	module := func(lines ...string) string {
		return "modules: {m: {walk: [1.3.6.1.2],\n" + strings.Join(lines, ",\n") + "}}\n"
	}
	metric := func(lines string) string { return module("metrics: [{name: a, oid: 1.3.6.1.2.1, " + lines + "}]") }
	for _, c := range []struct{ file, want string }{
		{"auths: {}", `f.yml:1: the file needs the key "modules"`},
		{"modules: {n: {}}", `f.yml:1: there is no module "m"; did you mean "n"?`},
		{"modules: {}", `f.yml:1: there is no module "m"; there are none`},
		{module("metrics: []"), "f.yml: there are no groups"},
		{module("metrics: [{}]"), `f.yml:2: a metric of module "m" needs the key "name"`},
		{module("metrics: [{name: a}]"), `f.yml:2: a metric of module "m" needs the key "type"`},
		{module("metrics: [{name: a, type: gauge}]"), `f.yml:2: metric "a" of module "m" needs the key "oid"`},
		{metric("type: gage"), `f.yml:2: metric "a" of module "m": there is no type "gage"; did you mean "gauge"?`},
		{metric("type: gauge, indexes: [{labelname: i, type: Bits}]"), `f.yml:2: metric "a" of module "m": there is no type "Bits" of indexes; it has ` +
			`DisplayString, EnumAsInfo, InetAddress, InetAddressIPv4, InetAddressIPv6, InetAddressMissingSize, Integer, Integer32, ` +
			`LldpPortId, OctetString, PhysAddress48, counter, gauge`},
		{metric("type: gauge, indexes: [{labelname: '', type: gauge}]"), `f.yml:2: "" is no name of a label`},
		{metric("type: gauge, scale: x"), `f.yml:2: metric "a" of module "m": scale must be a number`},
		{metric("type: gauge, indexes: [{labelname: i, type: gauge}], lookups: [{labels: [i], labelname: l, oid: x}]"), `f.yml:2: metric "a" of module "m": a lookup: object identifier "x": arc "x" is no number from 0 to 4294967295`},
		{metric("type: DisplayString, regex_extracts: {x: [{regex: '('}]}"), "f.yml:2: metric \"a\" of module \"m\": regex_extracts: error parsing regexp: missing closing ): `^(?:()$`"},
		{module("max_repetitions: many", "metrics: [{name: a, oid: 1.3.6.1.2.1, type: gauge}]"), `f.yml:2: module "m": max_repetitions must be a whole number from 0 on`},
		{"auths: {a: {version: 4}}\n" + metric("type: gauge"), `f.yml:1: auth "a": version is "4", it must be one of 2, 1, 3`},
		{"auths: {a: {version: 3}}\n" + metric("type: gauge"), `f.yml:1: auth "a": version 3 with this security_level needs the key "username"`},
		{"auths: {a: {version: 3, username: u, security_level: authNoPriv}}\n" + metric("type: gauge"), `f.yml:1: auth "a": version 3 with this security_level needs the key "password"`},
	} {
		x, err := profile.OpenExporter("f.yml", []byte(c.file))
		require.NoError(t, err)
		m, err := x.Modules("m")
		assert.Nil(t, m, c.file)
		assert.EqualError(t, err, c.want, c.file)
	}
	_, err := profile.OpenExporter("f.yml", []byte("modules: ["))
	assert.EqualError(t, err, "f.yml: yaml: line 1: did not find expected node content")
}

func FuzzExporter(f *testing.F) {
	f.Add(readFile(f, "testdata/exporter/snmp.yml"))
	f.Fuzz(func(t *testing.T, content []byte) {
		x, err := profile.OpenExporter("snmp.yml", content)
		if err != nil {
			return
		}
		m, err := x.Modules("interfaces", "sensor-texts")
		if (m == nil) == (err == nil) {
			t.Error("either modules or an error must come")
		}
		if m != nil {
			m.Program.Describe()
		}
	})
}
