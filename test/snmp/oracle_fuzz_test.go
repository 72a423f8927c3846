package snmp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gosnmp/gosnmp"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// stricter are our errors for packets that gosnmp reads, and why we refuse them.
var stricter = map[string]string{
	"no protocol data unit that is known":                       "we only poll: traps, informs and sets have no reader",
	"an unknown version of SNMP":                                "gosnmp looks at the lowest byte of the number, and takes any",
	"a security model other than that of users (USM)":           "gosnmp leaves that to its caller",
	"message flags that contradict each other":                  "gosnmp takes flags of any size, and encryption without authentication",
	"it is not protected as it must be":                         "a message that says it is encrypted, without keys: gosnmp reads it if it is not",
	"an element of another type than expected":                  "gosnmp skips fields of the head that have another type",
	"a number of more than 32 bits":                             "gosnmp cuts numbers of the head to the size of its fields",
	"a number of more than 64 bits":                             "gosnmp reads such a value as one of an unknown type",
	"a number without bytes":                                    "gosnmp takes an unsigned one for 0",
	"a value with the unknown tag":                              "gosnmp gives it an unknown type",
	"an exception or Null with content":                         "gosnmp drops the content",
	"an object identifier without bytes":                        "gosnmp takes it for 0.0, as net-snmp does",
	"an object identifier with more than 128 arcs":              "RFC 2578, section 3.5",
	"it ends within an element":                                 "gosnmp lets an octet string be a byte too long, as MikroTik has it, and elements around others lie",
	"an element of indefinite length, which SNMP does not have": "gosnmp does not look at the length of Null and exceptions",
	"it goes on after its end":                                  "",
}

// realBytes are messages as a manager and the agent of Net-SNMP 5.9.3 exchanged them.
var realBytes = []string{
	// GET of sysName, sysObjectID, sysUpTime and what is not there, version 2c
	"306102010104067075626c6963a254020212670201000201003048301106082b0601020101050004056167656e74301606082b06010201010200060a2b06010401bf0803020a300d06082b06010201010300430162300c06082b060102010163008000",
	// GETNEXT of ifInOctets, version 1
	"302802010004067075626c6963a11b020200c8020100020100300f300d06092b060102010202010a0500",
	"302e02010004067075626c6963a221020200c802010002010030153013060a2b060102010202010a01410500c490ed27",
	// noSuchName, version 1
	"302702010004067075626c6963a21a020200c8020102020101300e300c06082b060102010163000500",
	// GETBULK of ipAdEntAddr, ifHCInOctets, ifSpeed, laLoadFloat and vacmViewTreeFamilyStatus
	"306802010104067075626c6963a55b0203011170020100020102304e300c06082b060102010414010500300e060a2b060102011f0101010605" +
		"00300d06092b06010201020201050500300e060a2b060104018f650a01060500300f060b2b060106031001050201060500",
	"3081fc02010104067075626c6963a281ee02030111700201000201003081e03015060d2b06010201041401017f00000140047f0000013014060b" +
		"2b060102011f0101010601460505c490ed273012060a2b0601020102020105014204009896803016060b2b060104018f650a01060144079f78" +
		"0441435e00301806132b06010603100105020106055f616c6c5f01000201013016060e2b060102010414010181400002024004c00002023010" +
		"060b2b060102011f0101010602460100300f060a2b0601020102020105024201003016060b2b060104018f650a01060244079f780441489a00" +
		"301806132b06010603100105020106055f616c6c5f0101020101",
	// discovery of the engine, its report, and GET of sysName, version 3
	"3038020103300e02014d020300ffe30401040201030410300e0400020100020100040004000400301104000400a00b0201010201000201003000",
	"306b020103300e02014d020300ffe30401000201030421301f041180001f8880fcfb7b0d8d520d6b000000000201010201010400040004003033" +
		"041180001f8880fcfb7b0d8d520d6b000000000400a81c0201010201000201003011300f060a2b060106030f01010400410101",
	"3071020103300e02014d020300ffe304010002010304253023041180001f8880fcfb7b0d8d520d6b0000000002010102010104046e6f6e650400" +
		"04003035041180001f8880fcfb7b0d8d520d6b000000000400a21e0201020201000201003013301106082b0601020101050004056167656e74",
}

// FuzzOracle reads packets with our codec and gosnmp's. What both read must be the same. What only gosnmp reads must have an
// error of ours that is on the list. What only we read must not be as we would write it.
func FuzzOracle(f *testing.F) {
	for _, packet := range realBytes {
		b, err := hex.DecodeString(packet)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(readBoth)
}

// FuzzOracleValue is FuzzOracle for packets whose frames are right and whose variable is anything.
func FuzzOracleValue(f *testing.F) {
	name := []byte{0x2b, 6, 1, 2, 1}
	for _, content := range []string{"", "\x00", "\xe9", "\xff\xff\xff\xfe", "\x00\xff\xff\xff\xff\xff\xff\xff\xff", "\x9f\x78\x04\x41\x43\x5e\x00", "\x7f\x00\x00\x01"} {
		for _, tag := range []ber.Type{
			ber.Integer, ber.BitString, ber.OctetString, ber.Null, ber.ObjectID, ber.IPAddress, ber.Counter32, ber.Gauge32,
			ber.TimeTicks, ber.Opaque, ber.Counter64, ber.Unsigned32, ber.NoSuchObject,
		} {
			f.Add(name, byte(tag), []byte(content))
		}
	}
	f.Fuzz(func(t *testing.T, name []byte, tag byte, content []byte) {
		var b ber.Builder
		b.Octets(tag, content)
		b.Octets(byte(ber.ObjectID), name)
		b.Head(ber.TagSequence, 0)
		b.Head(ber.TagSequence, 0)
		message.WriteCommunity(&b, message.V2c, "public", &message.PDU{Type: message.Response})
		readBoth(t, b.Bytes())
	})
}

// readBoth reads a packet with both codecs and compares.
func readBoth(t *testing.T, packet []byte) {
	var m message.Message
	err := m.Read(bytes.Clone(packet))
	var list []ber.Variable
	if err == nil && m.Version == message.V3 {
		err = m.Open(&usm.Coder{}, nil)
	}
	if err == nil {
		list, err = parse(m.PDU.Variables)
	}
	theirs, theirErr := theirRead(bytes.Clone(packet))
	switch {
	case err == nil && theirErr == nil:
		if how := differ(&m.PDU, theirs); how != "" {
			t.Error(how)
		}
		if m.Version == message.V3 && head(&m.Security) != theirHead(theirs) {
			t.Errorf("we read %s, gosnmp %s", head(&m.Security), theirHead(theirs))
		} else if string(m.Community) != theirs.Community {
			t.Errorf("we read the community %q, gosnmp %q", m.Community, theirs.Community)
		}
	case err == nil:
		if string(rewrite(t, &m, list)) == string(packet) && !cannotRead(list) {
			t.Errorf("gosnmp refuses what we write: %v", theirErr)
		}
	case theirErr == nil:
		for text := range stricter {
			if strings.Contains(err.Error(), text) {
				return
			}
		}
		t.Errorf("only we refuse it: %v", err)
	}
}

// theirRead reads with gosnmp, which may panic.
func theirRead(packet []byte) (p *gosnmp.SnmpPacket, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("gosnmp panics: %v", r)
		}
	}()
	oracle := gosnmp.GoSNMP{}
	return oracle.SnmpDecodePacket(packet)
}

// rewrite writes a message that was read.
func rewrite(t *testing.T, m *message.Message, list []ber.Variable) []byte {
	var b ber.Builder
	p := pdu{PDU: m.PDU, variables: list}
	if err := p.list(&b); err != nil {
		t.Fatalf("we cannot write what we read: %v", err)
	}
	if m.Version != message.V3 {
		message.WriteCommunity(&b, m.Version, string(m.Community), &m.PDU)
	} else if err := m.Security.Write(&b, &m.PDU, &usm.Coder{}, nil, 0); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cannotRead says that gosnmp refuses one of the values, mostly as the top of oracle_test.go says.
func cannotRead(list []ber.Variable) bool {
	for _, v := range list {
		n := len(v.Value.Bytes())
		switch v.Value.Type() {
		case ber.IPAddress:
			if n != 0 && n != 4 && n != 16 {
				return true
			}
		case ber.Unsigned32:
			if number, _ := v.Value.Uint(); number > math.MaxInt64 {
				return true // it reads it as a signed number
			}
		case ber.Opaque:
			if n == 0 || strings.HasPrefix(v.Value.Bytes(), "\x9f\x78") || strings.HasPrefix(v.Value.Bytes(), "\x9f\x79") {
				return true
			}
		}
	}
	return false
}
