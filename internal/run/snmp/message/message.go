package message

import (
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// The versions as messages number them.
const (
	V1  = 0
	V2c = 1
	V3  = 3
)

// Message is a message that was read. Its slices are parts of the packet.
type Message struct {
	Version int32
	// Community is that of versions 1 and 2c.
	Community []byte
	// PDU is there after Read for versions 1 and 2c, and after Open for version 3.
	PDU PDU
	// Security is what version 3 has.
	Security

	packet []byte
	mac    []byte // in the packet
	salt   []byte
	scoped []byte // the scoped PDU, which may be encrypted
}

// Flags of version 3 (RFC 3412, section 6.4).
const (
	FlagAuth       = 1
	FlagPriv       = 2
	FlagReportable = 4
)

// Security is what stands around the PDU in a message of version 3.
type Security struct {
	ID      int32
	MaxSize int32 // the largest message that the sender takes
	Flags   byte
	// EngineID, Boots and Time are those of the agent (RFC 3414, section 2.3).
	EngineID    []byte
	Boots, Time int32
	User        []byte
	// ContextEngine and Context are there after Open.
	ContextEngine, Context []byte
}

// usmModel is the number of the user-based security model.
const usmModel = 3

var (
	errVersion  = errors.New("an unknown version of SNMP")
	errModel    = errors.New("a security model other than that of users (USM)")
	errTrailing = errors.New("it goes on after its end")
	errFlags    = errors.New("message flags that contradict each other")
	// ErrLevel says that a message is not protected as its receiver wants.
	ErrLevel = errors.New("it is not protected as it must be")
)

// Read reads a packet into m. The PDU of version 3 is read by Open.
func (m *Message) Read(packet []byte) error {
	*m = Message{packet: packet}
	content, rest, err := ber.Expect(ber.TagSequence, packet)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errTrailing
	}
	if m.Version, content, err = ber.ReadInt(content); err != nil {
		return err
	}
	switch m.Version {
	case V1, V2c:
		if m.Community, content, err = ber.Expect(byte(ber.OctetString), content); err != nil {
			return err
		}
		m.PDU, err = readPDU(content)
		return err
	case V3:
		return m.readV3(content)
	}
	return errVersion
}

// readV3 reads what comes after the version.
func (m *Message) readV3(content []byte) error {
	head, content, err := ber.Expect(ber.TagSequence, content)
	if err != nil {
		return err
	}
	if err := m.readHead(head); err != nil {
		return err
	}
	parameters, content, err := ber.Expect(byte(ber.OctetString), content)
	if err != nil {
		return err
	}
	if err := m.readSecurity(parameters); err != nil {
		return err
	}
	if m.Flags&FlagPriv == 0 {
		m.scoped = content
		return nil
	}
	if m.Flags&FlagAuth == 0 {
		return errFlags
	}
	m.scoped, _, err = ber.Expect(byte(ber.OctetString), content)
	return err
}

func (m *Message) readHead(head []byte) (err error) {
	if m.ID, head, err = ber.ReadInt(head); err != nil {
		return err
	}
	if m.MaxSize, head, err = ber.ReadInt(head); err != nil {
		return err
	}
	flags, head, err := ber.Expect(byte(ber.OctetString), head)
	if err != nil {
		return err
	}
	if len(flags) != 1 {
		return errFlags
	}
	m.Flags = flags[0]
	model, _, err := ber.ReadInt(head)
	if err == nil && model != usmModel {
		err = errModel
	}
	return err
}

func (m *Message) readSecurity(parameters []byte) error {
	b, _, err := ber.Expect(ber.TagSequence, parameters)
	if err != nil {
		return err
	}
	if m.EngineID, b, err = ber.Expect(byte(ber.OctetString), b); err != nil {
		return err
	}
	if m.Boots, b, err = ber.ReadInt(b); err != nil {
		return err
	}
	if m.Time, b, err = ber.ReadInt(b); err != nil {
		return err
	}
	for _, field := range []*[]byte{&m.User, &m.mac, &m.salt} {
		if *field, b, err = ber.Expect(byte(ber.OctetString), b); err != nil {
			return err
		}
	}
	return nil
}

// Size is how many bytes the packet has.
func (m *Message) Size() int { return len(m.packet) }

// Open checks, decrypts and reads the PDU of a message of version 3. With keys that authenticate, the message must be
// authenticated: its code is checked, which overwrites it in the packet. Keys are nil for a message that need not be: then
// one that is encrypted cannot be read.
func (m *Message) Open(c *usm.Coder, k *usm.Keys) error {
	if k != nil && k.Auth != usm.NoAuth {
		if m.Flags&FlagAuth == 0 {
			return ErrLevel
		}
		if err := c.Verify(k, m.packet, m.mac); err != nil {
			return err
		}
	}
	if m.Flags&FlagPriv != 0 {
		if k == nil || k.Priv == usm.NoPriv {
			return ErrLevel
		}
		if err := c.Decrypt(k, uint32(m.Boots), uint32(m.Time), m.salt, m.scoped); err != nil {
			return err
		}
	}
	if err := m.readScoped(); err != nil {
		if m.Flags&FlagPriv != 0 {
			return fmt.Errorf("%w: is the passphrase for encryption right?", err)
		}
		return err
	}
	return nil
}

func (m *Message) readScoped() error {
	b, _, err := ber.Expect(ber.TagSequence, m.scoped)
	if err != nil {
		return err
	}
	if m.ContextEngine, b, err = ber.Expect(byte(ber.OctetString), b); err != nil {
		return err
	}
	if m.Context, b, err = ber.Expect(byte(ber.OctetString), b); err != nil {
		return err
	}
	m.PDU, err = readPDU(b)
	return err
}
