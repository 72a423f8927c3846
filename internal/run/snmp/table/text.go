package table

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// Format says how octets become text. Numbers, OIDs and IpAddresses have one text whatever the format.
type Format uint8

// Formats of octets.
const (
	// FormatNone leaves the choice to somebody else: a part of an index, or FormatAuto.
	FormatNone Format = iota
	// FormatAuto is FormatText where all is printable, else FormatHex.
	FormatAuto
	// FormatText is UTF-8; what is none becomes the replacement character.
	FormatText
	// FormatHex is 0x0A1B; no octets are an empty text.
	FormatHex
	// FormatMAC is 0A:1B:2C, of any length.
	FormatMAC
	// FormatMAC48 is the same with just six octets, zeros where there are fewer, as snmp_exporter does.
	FormatMAC48
	// FormatIP is an IP address of 4 or 16 octets as RFC 5952 writes it, with a zone of four more; other lengths are FormatHex.
	FormatIP
	// FormatIPv4 is just four octets as 192.0.2.1.
	FormatIPv4
	// FormatIPv6 is just 16 octets as snmp_exporter writes them: 2001:0DB8:0000:0000:0000:0000:0000:0001.
	FormatIPv6
	// FormatFirst is the first octet as a number, as snmp_exporter does where it expects an integer.
	FormatFirst
	// FormatDate is a DateAndTime as RFC 3339 writes it; what is none is FormatHex.
	FormatDate
)

// InetFormats are the formats by InetAddressType, LldpPortFormats those by LldpPortIdSubtype.
var (
	InetFormats     = map[int64]Format{1: FormatIPv4, 2: FormatIPv6}
	LldpPortFormats = map[int64]Format{
		1: FormatText, 2: FormatText, 3: FormatMAC48, 5: FormatText, 7: FormatText,
	}
)

// size is the number of octets of a format that has just one; else 0.
func (f Format) size() int {
	switch f {
	case FormatMAC48:
		return 6
	case FormatIPv4:
		return 4
	case FormatIPv6:
		return 16
	}
	return 0
}

// textOf returns the text of a value.
func textOf(v ber.Value, f Format) string {
	switch v.Type() {
	case ber.Integer, ber.Counter32, ber.Gauge32, ber.TimeTicks, ber.Counter64, ber.Unsigned32:
		return v.Text()
	case ber.OpaqueFloat:
		n, _ := v.Float()
		return strconv.FormatFloat(n, 'f', -1, 32)
	case ber.OpaqueDouble:
		n, _ := v.Float()
		return strconv.FormatFloat(n, 'f', -1, 64)
	case ber.ObjectID:
		return v.OID().String()
	case ber.IPAddress:
		f = FormatIP
	}
	return octetsText(v.Bytes(), f)
}

func octetsText(octets string, f Format) string {
	switch f {
	case FormatText:
		return strings.ToValidUTF8(octets, "\uFFFD")
	case FormatMAC:
		return string(appendMAC(nil, []byte(octets)))
	case FormatMAC48, FormatIPv4, FormatIPv6:
		var whole [16]byte
		fixed := whole[:f.size()]
		copy(fixed, octets)
		return fixedText(fixed, f)
	case FormatIP:
		if addr, ok := address(octets); ok {
			return addr
		}
	case FormatFirst:
		if octets == "" {
			return "0"
		}
		return strconv.Itoa(int(octets[0]))
	case FormatDate:
		if at, err := dateAndTime(octets); err == nil {
			return at.Format("2006-01-02T15:04:05.9Z07:00")
		}
	case FormatAuto, FormatNone:
		if trimmed := strings.TrimRight(octets, "\x00"); printable(trimmed) {
			return trimmed
		}
	}
	if octets == "" {
		return ""
	}
	return "0x" + strings.ToUpper(hex.EncodeToString([]byte(octets)))
}

// address is the text of an IP address of 4 or 16 octets, which may have four more for the zone.
func address(octets string) (string, bool) {
	zone := ""
	if n := len(octets); n == 8 || n == 20 {
		zone = "%" + strconv.FormatUint(uint64(binary.BigEndian.Uint32([]byte(octets[n-4:]))), 10)
		octets = octets[:n-4]
	}
	addr, ok := netip.AddrFromSlice([]byte(octets))
	return addr.String() + zone, ok
}

func fixedText(b []byte, f Format) string {
	switch f {
	case FormatIPv4:
		return netip.AddrFrom4([4]byte(b)).String()
	case FormatIPv6:
		var out []byte
		for i := 0; i < len(b); i += 2 {
			if i > 0 {
				out = append(out, ':')
			}
			out = appendHex(appendHex(out, b[i]), b[i+1]) //nolint:gosec // the format has 16 octets
		}
		return string(out)
	}
	return string(appendMAC(nil, b))
}

func appendMAC(out, b []byte) []byte {
	for i, octet := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = appendHex(out, octet)
	}
	return out
}

func appendHex(out []byte, b byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(out, digits[b>>4], digits[b&15])
}

// printable says whether s is UTF-8 for people's eyes.
func printable(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
		i += size
	}
	return true
}

// apply makes the text of a dimension of a value's text. ok is false where the pattern does not match.
func (t *Text) apply(v ber.Value, f Format) (text string, ok bool) {
	if t.Enum != nil {
		if n, isInt := v.Int(); isInt {
			if name, known := t.Enum[n]; known {
				return name, true
			}
		}
	}
	text = textOf(v, f)
	if name, known := t.Names[text]; known {
		text = name
	}
	if t.Pattern == nil {
		return text, true
	}
	found := t.Pattern.FindStringSubmatchIndex(text)
	if found == nil {
		return "", false
	}
	return string(t.Pattern.ExpandString(nil, t.Template, text, found)), true
}
