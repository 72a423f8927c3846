package engine

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// Version is a version of SNMP. The zero value is version 2c.
type Version uint8

// The versions.
const (
	V2c Version = iota
	V1
	V3
)

var versionNames = []string{V2c: "2c", V1: "1", V3: "3"}

// String is "1", "2c" or "3".
func (v Version) String() string { return versionNames[v] }

// MarshalText returns "1", "2c" or "3".
func (v Version) MarshalText() ([]byte, error) { return []byte(versionNames[v]), nil }

// UnmarshalText reads "1", "2c" (or "2") or "3".
func (v *Version) UnmarshalText(text []byte) error {
	switch string(text) {
	case "1":
		*v = V1
	case "2", "2c":
		*v = V2c
	case "3":
		*v = V3
	default:
		return fmt.Errorf("unknown version %q of SNMP: expected 1, 2c or 3", text)
	}
	return nil
}

// Secret is a community or a passphrase. It prints as "[secret]" however it is printed.
type Secret string

const hidden = "[secret]"

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret.
func (Secret) GoString() string { return hidden }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// Credentials are how to speak to a device. They are comparable.
type Credentials struct {
	Version Version
	// Community is that of versions 1 and 2c.
	Community Secret

	// User and what follows belong to version 3.
	User           string
	Auth           usm.Auth
	AuthPassphrase Secret
	Priv           usm.Priv // needs Auth
	PrivPassphrase Secret
	Context        string
}

// Target is a device and how it is asked. It is a plain value that is cheap to make for each run: what the engine learns
// about a device it keeps by the device's address.
type Target struct {
	// Name is what errors call the target, such as the id of a resource.
	Name string
	// Address is a name or an IP address, with or without a port: "switch1", "10.0.0.1:1161", "[fe80::1%eth0]:161", "::1". The
	// default port is 161. Names are looked up for IPv4 first, and the answer is kept for a minute.
	Address     string
	Credentials Credentials

	// Timeout is for one try, 0 for DefaultTimeout; Retries is how often a request is sent again, 0 for never. A request is
	// given up after Timeout x (Retries + 1): the first tries wait a little less than Timeout, the last a little more. An
	// answer counts to whichever try it belongs.
	Timeout time.Duration
	Retries int
	// InFlight is how many requests a device has to answer at a time, 0 for DefaultInFlight. It holds for all calls that are
	// made to its address.
	InFlight int
	// PacketsPerSecond bounds what is sent to the address, 0 for no bound. Up to a tenth of a second's worth may go at once.
	PacketsPerSecond float64
	// AnySource takes answers that come from another address than the one that was asked.
	AnySource bool

	// Agent answers in the place of a device, in the caller's process, if it is not nil. Address, Timeout and all limits are
	// not used then; of the credentials only the version is.
	Agent Agent
}

// Defaults of a Target.
const (
	DefaultTimeout  = 2 * time.Second
	DefaultInFlight = 2
)

// label is what errors call the target.
func (t *Target) label() string {
	switch {
	case t.Name == "" || t.Name == t.Address:
		return t.Address
	case t.Address == "":
		return t.Name
	}
	return t.Name + " (" + t.Address + ")"
}

// context names the part of a device that the credentials lead to, for what is remembered of its columns.
func (t *Target) context() string {
	if t.Credentials.Version == V3 {
		return t.Credentials.Context
	}
	return string(t.Credentials.Community)
}

// overhead is about how many bytes of an answer are no variables.
func (t *Target) overhead() int {
	if t.Credentials.Version == V3 {
		return 150 + len(t.Credentials.User) + len(t.Credentials.Context)
	}
	return 32 + len(t.Credentials.Community)
}

func (t *Target) inFlight() int {
	if t.InFlight > 0 {
		return t.InFlight
	}
	return DefaultInFlight
}
