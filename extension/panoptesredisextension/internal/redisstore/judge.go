package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
)

// Operation is a kind of calls. The list is closed: it is an attribute of metrics.
type Operation string

// The operations.
const (
	OpGet        Operation = "get"
	OpSet        Operation = "set"
	OpGetSet     Operation = "getset"
	OpDelete     Operation = "delete"
	OpTTL        Operation = "ttl"
	OpFindKeys   Operation = "find_keys"
	OpSetAdd     Operation = "set_add"
	OpSetMembers Operation = "set_members"
	OpSecret     Operation = "secret"
	OpWrite      Operation = "write"
)

// Reason is why a call failed; "" is that it did not. The list is closed: it is an attribute of metrics.
type Reason string

// The reasons.
const (
	// ReasonAway: Redis cannot be reached, or is not ready.
	ReasonAway Reason = "away"
	// ReasonTimeout: it did not answer in time.
	ReasonTimeout Reason = "timeout"
	// ReasonCancelled: the run that asked has ended, or its deadline has passed.
	ReasonCancelled Reason = "cancelled"
	// ReasonRefused: Redis answers that it will not, as for want of rights.
	ReasonRefused Reason = "refused"
	// ReasonFull: Redis has no memory left.
	ReasonFull Reason = "full"
	// ReasonWrongKind: a set is used as a value or a value as a set.
	ReasonWrongKind Reason = "wrong_kind"
	// ReasonLimit: a key, a value, a pattern or an answer is over its limit.
	ReasonLimit Reason = "limit"
)

// again says whether to carry out a call again.
type again uint8

const (
	never again = iota
	// ifHarmless: Redis may have carried it out.
	ifHarmless
	// always: Redis has not carried it out.
	always
)

// verdict is what an error of a call means.
type verdict struct {
	reason  Reason
	again   again
	suspect bool // Redis may be away
	global  bool // it is refused whatever its key
}

// judge says what an error of go-redis means.
func judge(err error) verdict {
	if err == nil || errors.Is(err, redis.Nil) {
		return verdict{}
	}
	if refusal, ok := errors.AsType[redis.Error](err); ok {
		return judgeRefusal(refusal.Error())
	}
	var dial *net.OpError
	var slow net.Error
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, kv.ErrTooLarge):
		return verdict{reason: ReasonLimit}
	case errors.Is(err, redis.ErrClosed):
		return verdict{reason: ReasonAway}
	case errors.As(err, &cert):
		return verdict{reason: ReasonAway, suspect: true}
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, context.Canceled):
		return verdict{reason: ReasonTimeout}
	case errors.As(err, &dial) && dial.Op == "dial":
		return verdict{reason: ReasonAway, again: always, suspect: true}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return verdict{reason: ReasonTimeout, suspect: true}
	}
	return verdict{reason: ReasonAway, again: ifHarmless, suspect: true} // the connection broke
}

// judgeRefusal says what it means that Redis answers with an error.
func judgeRefusal(text string) verdict {
	word, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), " ")
	switch word {
	case "WRONGTYPE":
		return verdict{reason: ReasonWrongKind}
	case "OOM":
		return verdict{reason: ReasonFull, global: true}
	case "LOADING", "MASTERDOWN", "BUSY":
		return verdict{reason: ReasonAway, again: always, suspect: true}
	case "READONLY": // a fail-over may be under way
		return verdict{reason: ReasonRefused, again: always, global: true}
	case "MISCONF", "NOREPLICAS":
		return verdict{reason: ReasonRefused, global: true}
	case "NOAUTH", "WRONGPASS":
		return verdict{reason: ReasonRefused, suspect: true}
	}
	if strings.HasPrefix(text, "ERR max number of clients reached") {
		return verdict{reason: ReasonAway, again: always, suspect: true}
	}
	return verdict{reason: ReasonRefused}
}

func isWrongKind(err error) bool {
	var refusal redis.Error
	return errors.As(err, &refusal) && judgeRefusal(refusal.Error()).reason == ReasonWrongKind
}
