package snmprec

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// The bounds of a file, and of what is said of it.
const (
	maxFile     = 256 << 20
	maxMistakes = 10
	maxMistake  = 400 // bytes
)

// Open reads a recording from a file. Lines that cannot be read are left out and named in the error, with which the recording
// of the others comes; it is nil only if the file itself cannot be read.
func Open(path string) (*Recording, error) {
	text, err := safefile.Read(context.Background(), path, maxFile)
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse is Open for the content of a file. The lines need no order; empty ones and those that begin with # say nothing.
func Parse(name string, text []byte) (*Recording, error) {
	var all []ber.Variable
	var mistakes []error
	more := 0
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	for number, line := range bytes.Split(text, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		v, err := parseLine(string(line))
		switch {
		case err == nil:
			all = append(all, v)
		case len(mistakes) < maxMistakes:
			mistakes = append(mistakes, fmt.Errorf("recording %q, line %d: %s", name, number+1, logs.KeepStart(err.Error(), maxMistake)))
		default:
			more++
		}
	}
	if more > 0 {
		mistakes = append(mistakes, fmt.Errorf("recording %q: %d more lines cannot be read", name, more))
	}
	r, err := New(all)
	return r, errors.Join(append(mistakes, err)...)
}

// parseLine reads OID|TAG|VALUE.
func parseLine(line string) (v ber.Variable, err error) {
	fields := strings.SplitN(line, "|", 3)
	if len(fields) != 3 {
		return v, fmt.Errorf("%q is not of the form OID|TAG|VALUE", line)
	}
	if v.Name, err = ber.ParseOID(fields[0]); err != nil {
		return v, err
	}
	if err := wireName(v.Name); err != nil {
		return v, err
	}
	tag, value := fields[1], fields[2]
	if _, module, found := strings.Cut(tag, ":"); found {
		return v, fmt.Errorf("tag %q asks for the variation module %q of snmpsim, which is not supported: write a value", tag, module)
	}
	number := strings.TrimRight(tag, "xe")
	kind, err := strconv.ParseUint(number, 10, 8)
	if err != nil || len(tag)-len(number) > 1 {
		return v, fmt.Errorf("unknown tag %q", tag)
	}
	switch tag[len(number):] {
	case "x":
		octets, err := hex.DecodeString(strings.TrimPrefix(strings.ReplaceAll(value, " ", ""), "0x"))
		if err != nil {
			return v, fmt.Errorf("tag %q: value %q is not hexadecimal", tag, value)
		}
		return v, parseOctets(&v, ber.Type(kind), string(octets), tag)
	case "e":
		octets, err := unescape(value)
		if err != nil {
			return v, fmt.Errorf("tag %q: value %q: %w", tag, value, err)
		}
		return v, parseOctets(&v, ber.Type(kind), octets, tag)
	}
	return v, parseText(&v, ber.Type(kind), value, tag)
}

func wireName(name ber.OID) error {
	_, err := name.AppendContent(nil)
	return err
}

// parseOctets takes a value whose octets are given.
func parseOctets(v *ber.Variable, t ber.Type, octets, tag string) error {
	switch t {
	case ber.OctetString, ber.IPAddress, ber.Opaque, ber.NsapAddress, ber.BitString:
		v.Value = ber.OctetsValue(t, octets)
		return nil
	}
	return fmt.Errorf("tag %q: a %s has no octets", tag, t)
}

// parseText takes a value as it is usually written.
func parseText(v *ber.Variable, t ber.Type, value, tag string) error {
	switch t {
	case ber.Integer:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("tag %q: value %q is no whole number of 64 bits", tag, value)
		}
		v.Value = ber.IntegerValue(n)
	case ber.Counter32, ber.Gauge32, ber.TimeTicks, ber.Counter64, ber.Unsigned32:
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return fmt.Errorf("tag %q: value %q is no whole number from 0 to 2^64-1", tag, value)
		}
		v.Value = ber.NumberValue(t, n)
	case ber.OctetString, ber.Opaque, ber.NsapAddress, ber.BitString:
		v.Value = ber.OctetsValue(t, value)
	case ber.ObjectID:
		o, err := ber.ParseOID(value)
		if err == nil {
			err = wireName(o)
		}
		if err != nil {
			return fmt.Errorf("tag %q: %w", tag, err)
		}
		v.Value = ber.ObjectIDValue(o)
	case ber.IPAddress:
		addr, err := netip.ParseAddr(value)
		if err != nil {
			return fmt.Errorf("tag %q: value %q is no IP address", tag, value)
		}
		v.Value = ber.OctetsValue(t, string(addr.AsSlice()))
	case ber.Null, ber.NoSuchObject, ber.NoSuchInstance, ber.EndOfMibView:
		v.Value = ber.ExceptionValue(t)
	default:
		return fmt.Errorf("unknown tag %q", tag)
	}
	return nil
}

// unescape reads the escapes of a Python string of bytes.
func unescape(text string) (string, error) {
	const escapes, meaning = `\'"abfnrtv`, "\\'\"\a\b\f\n\r\t\v"
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			return "", errors.New("it ends within an escape")
		}
		if at := strings.IndexByte(escapes, text[i]); at >= 0 {
			out.WriteByte(meaning[at])
			continue
		}
		if text[i] != 'x' || i+2 >= len(text) {
			return "", fmt.Errorf("unknown escape \\%c", text[i])
		}
		octet, err := hex.DecodeString(text[i+1 : i+3])
		if err != nil {
			return "", fmt.Errorf("unknown escape \\%s", text[i:i+3])
		}
		out.Write(octet)
		i += 2
	}
	return out.String(), nil
}
