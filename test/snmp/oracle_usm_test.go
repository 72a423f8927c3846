package snmp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/gosnmp/gosnmp"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// The protocols as gosnmp calls them. Its AES192 and AES256 are those of Blumenthal, AES192C and AES256C those of Reeder.
var (
	theirAuth = map[usm.Auth]gosnmp.SnmpV3AuthProtocol{
		usm.NoAuth: gosnmp.NoAuth, usm.MD5: gosnmp.MD5, usm.SHA1: gosnmp.SHA, usm.SHA224: gosnmp.SHA224, usm.SHA256: gosnmp.SHA256,
		usm.SHA384: gosnmp.SHA384, usm.SHA512: gosnmp.SHA512,
	}
	theirPriv = map[usm.Priv]gosnmp.SnmpV3PrivProtocol{
		usm.NoPriv: gosnmp.NoPriv, usm.DES: gosnmp.DES, usm.AES128: gosnmp.AES, usm.AES192: gosnmp.AES192, usm.AES256: gosnmp.AES256,
		usm.AES192C: gosnmp.AES192C, usm.AES256C: gosnmp.AES256C,
	}
)

// peer is a user of an agent, by us and by gosnmp.
type peer struct {
	user   *usm.User
	engine string
	keys   *usm.Keys // nil where nothing is protected
	theirs *gosnmp.UsmSecurityParameters
}

func (p peer) flags() gosnmp.SnmpV3MsgFlags {
	switch {
	case p.user.Priv != usm.NoPriv:
		return gosnmp.AuthPriv
	case p.user.Auth != usm.NoAuth:
		return gosnmp.AuthNoPriv
	}
	return gosnmp.NoAuthNoPriv
}

// peers returns all combinations of protocols, with two engines each, whose keys either side made by itself.
func peers(t *testing.T) map[string]peer {
	t.Helper()
	out := map[string]peer{}
	for auth, theirAuth := range theirAuth {
		for priv, theirPriv := range theirPriv {
			if auth == usm.NoAuth && priv != usm.NoPriv {
				continue
			}
			user, err := usm.NewUser("poller", auth, authPass, priv, privPass)
			if err != nil {
				t.Fatal(err)
			}
			for _, engine := range []string{"\x80\x00\x1f\x88\x80one agent", "\x80\x00\x00\x09\x03\xfe\xff"} {
				p := peer{user: user, engine: engine, theirs: &gosnmp.UsmSecurityParameters{
					AuthoritativeEngineID: engine, UserName: "poller", AuthenticationProtocol: theirAuth,
					AuthenticationPassphrase: authPass, PrivacyProtocol: theirPriv, PrivacyPassphrase: privPass,
				}}
				if auth != usm.NoAuth {
					p.keys = user.Keys([]byte(engine))
				}
				if err := p.theirs.InitSecurityKeys(); err != nil {
					t.Fatal(err)
				}
				out[fmt.Sprintf("%s %s %d", auth, priv, len(engine))] = p
			}
		}
	}
	return out
}

// secured is a message of version 3 without its protection.
type secured struct {
	pdu
	message.Security
}

func messages() *rapid.Generator[secured] {
	return rapid.Custom(func(t *rapid.T) secured {
		number := rapid.Int32Range(0, math.MaxInt32)
		s := secured{pdu: pdus().Draw(t, "PDU")}
		s.Security = message.Security{
			ID: number.Draw(t, "message"), MaxSize: rapid.Int32Range(484, math.MaxInt32).Draw(t, "size"),
			Flags: rapid.SampledFrom([]byte{0, message.FlagReportable}).Draw(t, "flags"),
			Boots: number.Draw(t, "boots"), Time: number.Draw(t, "time"), User: []byte("poller"),
			ContextEngine: rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "context engine"),
			Context:       rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "context"),
		}
		return s
	})
}

// head is what stands around a PDU, in text.
func head(s *message.Security) string {
	return fmt.Sprintf("%d %d %d %x %d %d %q %x %q", s.ID, s.MaxSize, s.Flags, s.EngineID, s.Boots, s.Time, s.User, s.ContextEngine, s.Context)
}

// theirHead is head for a packet of gosnmp.
func theirHead(p *gosnmp.SnmpPacket) string {
	u := p.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	return head(&message.Security{
		ID: int32(p.MsgID), MaxSize: int32(p.MsgMaxSize), Flags: byte(p.MsgFlags), EngineID: []byte(u.AuthoritativeEngineID),
		Boots: int32(u.AuthoritativeEngineBoots), Time: int32(u.AuthoritativeEngineTime), User: []byte(u.UserName),
		ContextEngine: []byte(p.ContextEngineID), Context: []byte(p.ContextName),
	})
}

// TestOracleUSM has gosnmp read what we write and us what gosnmp writes, in version 3 with all ways of authentication and
// encryption. The keys come from the passphrases, at either side by itself.
func TestOracleUSM(t *testing.T) {
	all := peers(t)
	var coder usm.Coder
	rapid.Check(t, func(t *rapid.T) {
		s := messages().Draw(t, "message")
		number := rapid.Uint64().Draw(t, "number")
		for name, p := range all {
			s.EngineID = []byte(p.engine)
			if err := p.oursToTheirs(&coder, s, number); err != nil {
				t.Fatalf("%s: gosnmp of us: %v", name, err)
			}
			if err := p.theirsToOurs(&coder, s, number); err != nil {
				t.Fatalf("%s: we of gosnmp: %v", name, err)
			}
		}
	})
}

func (p peer) oursToTheirs(c *usm.Coder, s secured, number uint64) error {
	var b ber.Builder
	if err := s.list(&b); err != nil {
		return err
	}
	if err := s.Security.Write(&b, &s.PDU, c, p.keys, number); err != nil {
		return err
	}
	oracle := gosnmp.GoSNMP{Version: gosnmp.Version3, MsgFlags: p.flags(), SecurityModel: gosnmp.UserSecurityModel, SecurityParameters: p.theirs}
	theirs, err := oracle.UnmarshalTrap(bytes.Clone(b.Bytes()), false) // unlike SnmpDecodePacket it checks the HMAC
	if err != nil {
		return err
	}
	want := s.Security
	want.Flags |= byte(p.flags())
	if got := theirHead(theirs); got != head(&want) {
		return fmt.Errorf("%s instead of %s", got, head(&want))
	}
	return p.open(c, bytes.Clone(b.Bytes()), theirs)
}

func (p peer) theirsToOurs(c *usm.Coder, s secured, number uint64) error {
	security := p.theirs.Copy().(*gosnmp.UsmSecurityParameters)
	security.AuthoritativeEngineBoots, security.AuthoritativeEngineTime = uint32(s.Boots), uint32(s.Time)
	salt := usm.Salt(p.user.Priv, uint32(s.Boots), number)
	security.PrivacyParameters = salt[:]
	packet := s.theirs()
	packet.Version, packet.SecurityModel, packet.SecurityParameters = gosnmp.Version3, gosnmp.UserSecurityModel, security
	packet.MsgFlags = p.flags() | gosnmp.SnmpV3MsgFlags(s.Flags)
	packet.MsgID, packet.MsgMaxSize = uint32(s.ID), uint32(s.MaxSize)
	packet.ContextEngineID, packet.ContextName = string(s.ContextEngine), string(s.Context)
	written, err := packet.MarshalMsg()
	if err != nil {
		return err
	}
	return p.open(c, written, packet)
}

// open has us read a packet that gosnmp knows, and refuse it with a bit changed.
func (p peer) open(c *usm.Coder, packet []byte, theirs *gosnmp.SnmpPacket) error {
	changed := bytes.Clone(packet)
	var m message.Message
	if err := m.Read(packet); err != nil {
		return err
	}
	if err := m.Open(c, p.keys); err != nil {
		return err
	}
	if ours, their := head(&m.Security), theirHead(theirs); ours != their {
		return fmt.Errorf("we read %s, gosnmp %s", ours, their)
	}
	if how := differ(&m.PDU, theirs); how != "" {
		return errors.New(how)
	}
	if p.keys == nil {
		return nil
	}
	changed[len(changed)-1] ^= 1
	if err := m.Read(changed); err != nil {
		return err
	}
	if err := m.Open(c, p.keys); !errors.Is(err, usm.ErrMAC) {
		return fmt.Errorf("a changed message: %w", err)
	}
	return nil
}
