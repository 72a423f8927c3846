package snmprec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

const device = `# a device
.1.3.6.1.2.1.2.2.1.6.10|4x|0012 7962F940
1.3.6.1.2.1.2.2.1.6.9|4e|\x00\\n\n'
1.3.6.1.2.1.1.1.0|4|Linux | router
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10
1.3.6.1.2.1.1.3.0|67|233425120
1.3.6.1.2.1.1.7.0|2|-72
1.3.6.1.2.1.4.20.1.1.127.0.0.1|64|127.0.0.1
1.3.6.1.2.1.4.22.1.3.2.192.21.54.7|64x|c3dafe61
1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615
1.3.6.1.4.1.2021.10.1.6.1|68x|9f78043e4ccccd
1.3.6.1.6.1|5|
`

func TestParse(t *testing.T) {
	r, err := Parse("device", []byte("\xef\xbb\xbf"+strings.ReplaceAll(device, "\n", "\r\n")))
	require.NoError(t, err)
	var got []string
	for _, v := range r.Variables() {
		got = append(got, v.Name.String()+" "+v.Value.String())
	}
	assert.Equal(t, []string{
		`1.3.6.1.2.1.1.1.0 OctetString "Linux | router"`,
		`1.3.6.1.2.1.1.2.0 ObjectIdentifier ".1.3.6.1.4.1.8072.3.2.10"`,
		`1.3.6.1.2.1.1.3.0 TimeTicks "233425120"`,
		`1.3.6.1.2.1.1.7.0 Integer32 "-72"`,
		`1.3.6.1.2.1.2.2.1.6.9 OctetString "\x00\\n\n'"`,
		`1.3.6.1.2.1.2.2.1.6.10 OctetString "\x00\x12yb` + "\u00f9" + `@"`,
		`1.3.6.1.2.1.4.20.1.1.127.0.0.1 IpAddress "127.0.0.1"`,
		`1.3.6.1.2.1.4.22.1.3.2.192.21.54.7 IpAddress "195.218.254.97"`,
		`1.3.6.1.2.1.31.1.1.1.6.1 Counter64 "18446744073709551615"`,
		`1.3.6.1.4.1.2021.10.1.6.1 OpaqueFloat "\u009fx\x04>LÌÍ"`,
		`1.3.6.1.6.1 Null ""`,
	}, got)
	var again strings.Builder
	require.NoError(t, r.Write(&again))
	copied, err := Parse("again", []byte(again.String()))
	require.NoError(t, err)
	assert.Equal(t, r, copied)
}

func TestParseNamesWhatItCannotRead(t *testing.T) {
	for line, want := range map[string]string{
		"1.3.6":               `"1.3.6" is not of the form OID|TAG|VALUE`,
		"1.x|2|5":             `object identifier "1.x": arc "x" is no number from 0 to 4294967295`,
		"3.1|2|5":             `object identifier 3.1: the first arc must be 0, 1 or 2, and the second below 40 after 0 or 1`,
		"1.3|2|five":          `tag "2": value "five" is no whole number of 64 bits`,
		"1.3|65|-1":           `tag "65": value "-1" is no whole number from 0 to 2^64-1`,
		"1.3|64|here":         `tag "64": value "here" is no IP address`,
		"1.3|6|1.x":           `tag "6": object identifier "1.x": arc "x" is no number from 0 to 4294967295`,
		"1.3|6|7":             `tag "6": object identifier 7: the first arc must be 0, 1 or 2, and the second below 40 after 0 or 1`,
		"1.3|4x|0g":           `tag "4x": value "0g" is not hexadecimal`,
		"1.3|2x|00":           `tag "2x": a Integer32 has no octets`,
		`1.3|4e|\q`:           `tag "4e": value "\\q": unknown escape \q`,
		`1.3|4e|\xzz`:         `tag "4e": value "\\xzz": unknown escape \xzz`,
		`1.3|4e|\`:            `tag "4e": value "\\": it ends within an escape`,
		"1.3|65:numeric|rate": `tag "65:numeric" asks for the variation module "numeric" of snmpsim, which is not supported: write a value`,
		"1.3|99|5":            `unknown tag "99"`,
		"1.3|4xx|5":           `unknown tag "4xx"`,
		"1.3||5":              `unknown tag ""`,
	} {
		r, err := Parse("f.snmprec", []byte("1.4|2|1\n"+line+"\n1.5|2|1"))
		assert.EqualError(t, err, `recording "f.snmprec", line 2: `+want)
		assert.Equal(t, 2, r.Len(), "the others are there")
	}
	_, err := Parse("f", []byte(strings.Repeat("x\n", 12)))
	assert.ErrorContains(t, err, `recording "f": 2 more lines cannot be read`)
	_, err = Parse("f", make([]byte, 1<<20))
	assert.Less(t, len(err.Error()), 1000, "a file that is no recording")
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.snmprec")
	_, err := Open(path)
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte(device), 0o600))
	r, err := Open(path)
	require.NoError(t, err)
	assert.Equal(t, 11, r.Len())
	_, err = Open(os.DevNull)
	assert.ErrorIs(t, err, safefile.ErrNotRegular)
}

func request(kind message.PDUType, a, b int, names ...string) *message.PDU {
	p := &message.PDU{Type: kind, Status: message.Status(a), Index: int32(b)}
	for _, name := range names {
		p.Variables, _ = ber.AppendVarBind(p.Variables, ber.Variable{Name: ber.MustOID(name), Value: ber.ExceptionValue(ber.Null)})
	}
	return p
}

func TestAnswer(t *testing.T) {
	r, err := Parse("", []byte("1.3.1.0|2|1\n1.3.2.1|2|21\n1.3.2.2|2|22\n1.3.3.1|2|31\n1.3.2.2|2|23"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		request *message.PDU
		want    string
	}{
		"get":            {request(message.GetRequest, 0, 0, "1.3.1.0", "1.3.1"), "1.3.1.0=1 1.3.1=NOSUCHINSTANCE"},
		"getnext":        {request(message.GetNextRequest, 0, 0, "1.3.1", "1.3.2.2", "1.3.3.1"), "1.3.1.0=1 1.3.3.1=31 1.3.3.1=ENDOFMIBVIEW"},
		"getbulk":        {request(message.GetBulkRequest, 1, 2, "1.3.1", "1.3.2", "1.3.2.1"), "1.3.1.0=1 1.3.2.1=21 1.3.2.2=23 1.3.2.2=23 1.3.3.1=31"},
		"getbulk to end": {request(message.GetBulkRequest, 0, 9, "1.3.2.2"), "1.3.3.1=31 1.3.3.1=ENDOFMIBVIEW"},
		"getbulk, odd":   {request(message.GetBulkRequest, 9, -1, "1.3.1"), "1.3.1.0=1"},
		"garbage":        {&message.PDU{Type: message.GetRequest, Variables: []byte{1}}, "genErr"},
		"set":            {request(0xa3, 0, 0, "1.3.1.0"), "genErr"},
	} {
		t.Run(name, func(t *testing.T) {
			p := r.Answer(c.request, nil)
			var got []string
			if p.Status != message.NoError {
				got = append(got, p.Status.String())
			}
			for list := p.Variables; len(list) > 0; {
				raw, rest, err := ber.ReadVarBind(list)
				require.NoError(t, err)
				v, err := raw.Parse()
				require.NoError(t, err)
				got, list = append(got, v.Name.String()+"="+v.Value.Text()), rest
			}
			assert.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

func TestAnswerFitsIntoADatagram(t *testing.T) {
	var lines strings.Builder
	for i := range 500 {
		lines.WriteString("1.3.1." + strings.Repeat("1", 1+i%9) + "." + strings.Repeat("2", 1+i/60) + "|4|" + strings.Repeat("x", 1000) + "\n")
	}
	r, err := Parse("", []byte(lines.String()))
	require.NoError(t, err)
	p := r.Answer(request(message.GetBulkRequest, 0, 1000, "1.3", "1.3", "1.3"), nil)
	assert.Less(t, len(p.Variables), 65507)
	assert.Greater(t, len(p.Variables), 60000)
}

// TestWriteKeepsAll writes what a device may have and reads it again.
func TestWriteKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) })
		kinds := []ber.Type{ber.OctetString, ber.Opaque, ber.NsapAddress, ber.BitString, ber.IPAddress}
		var want []ber.Variable
		for i := range rapid.IntRange(0, 8).Draw(t, "n") {
			var v ber.Value
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				v = ber.IntegerValue(rapid.Int64().Draw(t, "integer"))
			case 1:
				v = ber.NumberValue(rapid.SampledFrom([]ber.Type{ber.Counter32, ber.Gauge32, ber.TimeTicks, ber.Counter64}).Draw(t, "type"), rapid.Uint64().Draw(t, "number"))
			case 2:
				v = ber.ObjectIDValue(ber.MakeOID(1, 3, rapid.Uint32().Draw(t, "arc")))
			default:
				v = ber.OctetsValue(rapid.SampledFrom(kinds).Draw(t, "type"), octets.Draw(t, "octets"))
			}
			want = append(want, ber.Variable{Name: ber.MakeOID(1, 3, uint32(i)), Value: v})
		}
		r, err := New(want)
		require.NoError(t, err)
		var text strings.Builder
		require.NoError(t, r.Write(&text))
		again, err := Parse("", []byte(text.String()))
		require.NoError(t, err, text.String())
		assert.ElementsMatch(t, want, again.Variables())
	})
}

// FuzzParse reads anything. What could be read is written and read again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(device))
	f.Add([]byte("1.3|4e|\\x00\n1.3.1|68x|9f79083ff0000000000000\n1.3.2|128|\n1.3.3|3|abc"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, _ := Parse("f", text)
		require.NotNil(t, r)
		var out strings.Builder
		require.NoError(t, r.Write(&out))
		again, err := Parse("again", []byte(out.String()))
		require.NoError(t, err)
		var want []ber.Variable
		for _, v := range r.Variables() {
			if !v.Value.Type().Exception() {
				want = append(want, v)
			}
		}
		require.ElementsMatch(t, want, again.Variables())
		r.Answer(request(message.GetBulkRequest, 0, 50, "1.3"), nil)
	})
}
