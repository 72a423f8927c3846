package message

import (
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// WriteCommunity writes a message of version 1 or 2c around the list of variables, with its head, that b holds. Type, ID,
// Status and Index of p are written, its Variables are not.
func WriteCommunity(b *ber.Builder, version int32, community string, p *PDU) {
	p.writeHead(b)
	b.String(byte(ber.OctetString), community)
	b.Int(byte(ber.Integer), int64(version))
	b.Head(ber.TagSequence, 0)
}

// Write writes a message of version 3 around the list of variables, with its head, that b holds, as WriteCommunity does. Of
// s all is written, and of Flags only whether a report may come back: the keys say how the message is protected, nil for not
// at all. number is one that no other message of this sender to the engine has.
func (s *Security) Write(b *ber.Builder, p *PDU, c *usm.Coder, k *usm.Keys, number uint64) error {
	p.writeHead(b)
	b.Octets(byte(ber.OctetString), s.Context)
	b.Octets(byte(ber.OctetString), s.ContextEngine)
	b.Head(ber.TagSequence, 0)
	flags := s.Flags & FlagReportable
	var salt []byte
	if k != nil && k.Priv != usm.NoPriv {
		flags |= FlagPriv
		parameters := usm.Salt(k.Priv, uint32(s.Boots), number)
		secret, err := c.Encrypt(k, uint32(s.Boots), uint32(s.Time), parameters, b.Bytes())
		if err != nil {
			return err
		}
		salt = parameters[:]
		b.Replace(secret)
		b.Head(byte(ber.OctetString), 0)
	}
	macSize := 0
	if k != nil && k.Auth != usm.NoAuth {
		flags |= FlagAuth
		macSize = k.Auth.MACSize()
	}
	mac := s.writeParameters(b, salt, macSize)
	s.writeHead(b, flags)
	if macSize > 0 {
		packet := b.Bytes()
		copy(packet[len(packet)-mac:], c.MAC(k, packet))
	}
	return nil
}

// writeParameters writes the security parameters, with zeros for the authentication code. It returns how far from the end
// the code begins.
func (s *Security) writeParameters(b *ber.Builder, salt []byte, macSize int) (mac int) {
	var zeros [48]byte
	end := b.Len()
	b.Octets(byte(ber.OctetString), salt)
	code := b.Len()
	b.Raw(zeros[:macSize])
	mac = b.Len()
	b.Head(byte(ber.OctetString), code)
	b.Octets(byte(ber.OctetString), s.User)
	b.Int(byte(ber.Integer), int64(s.Time))
	b.Int(byte(ber.Integer), int64(s.Boots))
	b.Octets(byte(ber.OctetString), s.EngineID)
	b.Head(ber.TagSequence, end)
	b.Head(byte(ber.OctetString), end)
	return mac
}

// writeHead writes what comes before the security parameters.
func (s *Security) writeHead(b *ber.Builder, flags byte) {
	end := b.Len()
	b.Int(byte(ber.Integer), usmModel)
	b.Byte(flags)
	b.Head(byte(ber.OctetString), b.Len()-1)
	b.Int(byte(ber.Integer), int64(s.MaxSize))
	b.Int(byte(ber.Integer), int64(s.ID))
	b.Head(ber.TagSequence, end)
	b.Int(byte(ber.Integer), V3)
	b.Head(ber.TagSequence, 0)
}
