package usm

import (
	"crypto/cipher"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
)

// MinPassphrase is how long a passphrase must be (RFC 3414, section 11.2).
const MinPassphrase = 8

// stretched is how many bytes of a repeated passphrase are hashed (RFC 3414, appendix A.2).
const stretched = 1 << 20

// newHash returns the hash of a protocol that is not NoAuth.
func (a Auth) newHash() hash.Hash {
	switch a {
	case MD5:
		return md5.New()
	case SHA1:
		return sha1.New()
	case SHA224:
		return sha256.New224()
	case SHA256:
		return sha256.New()
	case SHA384:
		return sha512.New384()
	}
	return sha512.New()
}

var macSizes = [...]int{MD5: 12, SHA1: 12, SHA224: 16, SHA256: 24, SHA384: 32, SHA512: 48}

// MACSize is how many bytes the authentication code of a message has, 0 for NoAuth.
func (a Auth) MACSize() int { return macSizes[a] }

// keySize is how many bytes of a key are used for encryption. DES takes eight as the key and eight for the first vector.
func (p Priv) keySize() int {
	switch p {
	case NoPriv:
		return 0
	case AES192, AES192C:
		return 24
	case AES256, AES256C:
		return 32
	}
	return 16
}

// User is a user with what is made of the passphrases for all devices alike. It does not change.
type User struct {
	Name string
	Auth Auth
	Priv Priv

	auth, priv []byte // the passphrases, hashed
}

// NewUser makes a user. It hashes a mebibyte for each passphrase, a few milliseconds: keep the user.
func NewUser(name string, a Auth, authPassphrase string, p Priv, privPassphrase string) (*User, error) {
	switch {
	case name == "":
		return nil, errors.New("version 3 of SNMP needs a user")
	case len(name) > 32:
		return nil, fmt.Errorf("the user's name has %d bytes, limit is 32", len(name))
	case p != NoPriv && a == NoAuth:
		return nil, fmt.Errorf("encryption with %s needs authentication", p)
	case a != NoAuth && len(authPassphrase) < MinPassphrase:
		return nil, fmt.Errorf("the passphrase for authentication has %d bytes, at least %d are needed", len(authPassphrase), MinPassphrase)
	case p != NoPriv && len(privPassphrase) < MinPassphrase:
		return nil, fmt.Errorf("the passphrase for encryption has %d bytes, at least %d are needed", len(privPassphrase), MinPassphrase)
	}
	u := &User{Name: name, Auth: a, Priv: p}
	if a != NoAuth {
		u.auth = stretch(a, []byte(authPassphrase))
	}
	if p != NoPriv {
		u.priv = u.auth
		if privPassphrase != authPassphrase {
			u.priv = stretch(a, []byte(privPassphrase))
		}
	}
	return u, nil
}

// stretch makes a key of a passphrase.
func stretch(a Auth, passphrase []byte) []byte {
	h := a.newHash()
	// A whole number of passphrases, and of the hash's blocks in nearly all rounds.
	chunk := make([]byte, 0, len(passphrase)*128)
	for range 128 {
		chunk = append(chunk, passphrase...)
	}
	for left := stretched; left > 0; left -= len(chunk) {
		h.Write(chunk[:min(left, len(chunk))])
	}
	return h.Sum(nil)
}

// localize makes a key for one engine.
func localize(a Auth, key, engineID []byte) []byte {
	h := a.newHash()
	h.Write(key)
	h.Write(engineID)
	h.Write(key)
	return h.Sum(nil)
}

// Slow says whether Keys takes milliseconds instead of microseconds.
func (u *User) Slow() bool {
	return (u.Priv == AES192C || u.Priv == AES256C) && u.Auth.newHash().Size() < u.Priv.keySize()
}

// Keys are what a user and one engine share. They serve one goroutine at a time.
type Keys struct {
	Auth       Auth
	Priv       Priv
	auth, priv []byte
	block      cipher.Block // made at the first message
}

// Keys makes the keys for an engine.
func (u *User) Keys(engineID []byte) *Keys {
	k := &Keys{Auth: u.Auth, Priv: u.Priv}
	if u.Auth != NoAuth {
		k.auth = localize(u.Auth, u.auth, engineID)
	}
	if u.Priv != NoPriv {
		key := localize(u.Auth, u.priv, engineID)
		for last := key; len(key) < u.Priv.keySize(); {
			if u.Priv == AES192C || u.Priv == AES256C {
				last = localize(u.Auth, stretch(u.Auth, last), engineID)
				key = append(key, last...)
			} else {
				h := u.Auth.newHash()
				h.Write(key)
				key = h.Sum(key)
			}
		}
		k.priv = key[:u.Priv.keySize():u.Priv.keySize()]
	}
	return k
}
