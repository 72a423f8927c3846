package usm

import (
	"fmt"
	"slices"
	"strings"
)

// Auth is how messages are authenticated.
type Auth uint8

// The ways of authentication (RFC 3414, RFC 7860).
const (
	NoAuth Auth = iota
	MD5
	SHA1
	SHA224
	SHA256
	SHA384
	SHA512
)

// Priv is how messages are encrypted.
type Priv uint8

// The ways of encryption. AES192 and AES256 lengthen a key that is too short as draft-blumenthal-aes-usm-04 says, AES192C and
// AES256C as draft-reeder-snmpv3-usm-3desede-00 says, which Cisco and others do.
const (
	NoPriv Priv = iota
	DES
	AES128
	AES192
	AES256
	AES192C
	AES256C
)

var (
	authNames = []string{NoAuth: "none", MD5: "md5", SHA1: "sha", SHA224: "sha224", SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}
	privNames = []string{NoPriv: "none", DES: "des", AES128: "aes", AES192: "aes192", AES256: "aes256", AES192C: "aes192c", AES256C: "aes256c"}
)

// String is the name that UnmarshalText reads.
func (a Auth) String() string { return authNames[a] }

// String is the name that UnmarshalText reads.
func (p Priv) String() string { return privNames[p] }

// MarshalText returns the name.
func (a Auth) MarshalText() ([]byte, error) { return []byte(authNames[a]), nil }

// MarshalText returns the name.
func (p Priv) MarshalText() ([]byte, error) { return []byte(privNames[p]), nil }

// UnmarshalText reads a name, of any case: none, md5, sha, sha224, sha256, sha384 or sha512.
func (a *Auth) UnmarshalText(text []byte) error {
	i, err := find("authentication", authNames, text)
	*a = Auth(i)
	return err
}

// UnmarshalText reads a name, of any case: none, des, aes, aes192, aes256, aes192c or aes256c.
func (p *Priv) UnmarshalText(text []byte) error {
	i, err := find("encryption", privNames, text)
	*p = Priv(i)
	return err
}

// find returns which of the names a text is. Nothing is none, and the usual other spellings are taken.
func find(what string, names []string, text []byte) (int, error) {
	name := strings.ReplaceAll(strings.ToLower(string(text)), "-", "")
	switch name {
	case "":
		name = names[0]
	case "sha1":
		name = "sha"
	case "aes128":
		name = "aes"
	}
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("unknown %s %q: expected one of %q", what, text, names)
}
