package snmprec

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// Write writes the recording, a line a variable, in the order of SNMP. Exceptions that stand for what is not there are left
// out. snmpsim and Parse read it.
func (r *Recording) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, v := range r.Variables() {
		if v.Value.Type().Exception() {
			continue
		}
		tag, value := lineOf(v.Value)
		fmt.Fprintf(out, "%s|%s|%s\n", v.Name, tag, value)
	}
	return out.Flush() // which has the error of any write
}

// lineOf returns the tag and the value of a line. Octets are written in hexadecimal where a line could not hold them as they
// are.
func lineOf(v ber.Value) (tag, value string) {
	tag = fmt.Sprint(v.Tag())
	switch v.Type() {
	case ber.ObjectID:
		return tag, v.OID().String()
	case ber.BitString, ber.OctetString, ber.Opaque, ber.OpaqueFloat, ber.OpaqueDouble, ber.NsapAddress, ber.IPAddress:
	default:
		return tag, v.Text()
	}
	content, _ := v.AppendContent(nil) // only object identifiers can fail
	octets := string(content)
	plain := v.Type() == ber.OctetString && strings.TrimSpace(octets) == octets
	for i := 0; i < len(octets) && plain; i++ {
		plain = octets[i] >= ' ' && octets[i] < 0x7f
	}
	if plain {
		return tag, octets
	}
	return tag + "x", fmt.Sprintf("%x", octets)
}
