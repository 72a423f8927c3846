package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// Errors that callers tell apart, with errors.Is. All errors of a Result name the target.
var (
	// ErrTimeout says that a device did not answer in all tries.
	ErrTimeout = errors.New("no answer")
	// ErrUnreachable says that nothing can be sent to an address, or that a name has none.
	ErrUnreachable = errors.New("not reachable")
	// ErrAuthentication says that the device and we do not agree on the user, its passphrases or its protocols.
	ErrAuthentication = errors.New("refused")
	// ErrOrder says that an agent's answers do not ascend, so that a walk would never end.
	ErrOrder = errors.New("the agent's answers do not ascend")
	// ErrClosed says that the engine was closed.
	ErrClosed = errors.New("the SNMP engine is closed")
	// ErrTooLarge says that a request reached its MaxRows.
	ErrTooLarge = errors.New("too many rows")
)

// StatusError is an error-status that an agent answered with.
type StatusError struct {
	Status message.Status
	// OID is what the status is about: the variable after which the next one was asked for, or which was.
	OID ber.OID
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the agent answers %s at %s", e.Status, e.OID)
}

// Stats are what a call cost.
type Stats struct {
	// Sent and Received count packets, with all that belongs to version 3.
	Sent, Received int
	// BytesSent and BytesReceived are what the packets carried.
	BytesSent, BytesReceived int
	// Retries counts the packets that were sent again for want of an answer, TooBig the answers of that status.
	Retries, TooBig int
	// RTT is the shortest time between a packet and its answer, MaxRTT the longest. Both are 0 without an answer.
	RTT, MaxRTT time.Duration
}
