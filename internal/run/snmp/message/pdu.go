package message

import (
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// PDUType is the kind of a protocol data unit: its tag in a message.
type PDUType byte

// The kinds that are used here.
const (
	GetRequest     PDUType = 0xa0
	GetNextRequest PDUType = 0xa1
	Response       PDUType = 0xa2
	GetBulkRequest PDUType = 0xa5
	Report         PDUType = 0xa8
)

// Status is the error-status of a response.
type Status int32

// The values of error-status (RFC 3416, section 3) that mean more than a failure.
const (
	NoError    Status = 0
	TooBig     Status = 1
	NoSuchName Status = 2
	GenErr     Status = 5
)

var statusNames = []string{
	"noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength", "wrongEncoding",
	"wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed", "undoFailed", "authorizationError",
	"notWritable", "inconsistentName",
}

// String is the name that the standard gives.
func (s Status) String() string {
	if s >= 0 && int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("error-status %d", int32(s))
}

// PDU is a protocol data unit. Its slices belong to whoever made it.
type PDU struct {
	Type PDUType
	ID   int32
	// Status and Index are error-status and error-index, of which the latter counts variables from 1. A GetBulkRequest has
	// non-repeaters and max-repetitions in their place.
	Status Status
	Index  int32
	// Variables is the content of the list of variables.
	Variables []byte
}

// writeHead writes what stands before the list of variables, which is all that is written.
func (p *PDU) writeHead(b *ber.Builder) {
	b.Int(byte(ber.Integer), int64(p.Index))
	b.Int(byte(ber.Integer), int64(p.Status))
	b.Int(byte(ber.Integer), int64(p.ID))
	b.Head(byte(p.Type), 0)
}

var errPDUTag = errors.New("no protocol data unit that is known")

// readPDU reads a PDU. What follows its list of variables, or itself, is not looked at.
func readPDU(b []byte) (p PDU, err error) {
	tag, content, _, err := ber.Read(b)
	if err != nil {
		return p, err
	}
	switch p.Type = PDUType(tag); p.Type {
	case GetRequest, GetNextRequest, Response, GetBulkRequest, Report:
	default:
		return p, errPDUTag
	}
	if p.ID, content, err = ber.ReadInt(content); err != nil {
		return p, err
	}
	var status int32
	if status, content, err = ber.ReadInt(content); err != nil {
		return p, err
	}
	p.Status = Status(status)
	if p.Index, content, err = ber.ReadInt(content); err != nil {
		return p, err
	}
	p.Variables, _, err = ber.Expect(ber.TagSequence, content)
	return p, err
}
