package usm

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestKeysOfTheStandards are the samples of RFC 3414, appendix A.3, and of draft-blumenthal-aes-usm-04 and
// draft-reeder-snmpv3-usm-3desede-00.
func TestKeysOfTheStandards(t *testing.T) {
	engineID := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}
	for _, c := range []struct {
		auth       Auth
		priv       Priv
		authKey    string
		privPrefix string
	}{
		{MD5, DES, "526f5eed9fcce26f8964c2930787d82b", "526f5eed9fcce26f8964c2930787d82b"},
		{SHA1, AES128, "6695febc9288e36282235fc7151f128497b38f3f", "6695febc9288e36282235fc7151f1284"},
		{SHA1, AES256C, "6695febc9288e36282235fc7151f128497b38f3f", "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9c"},
		{SHA1, AES256, "6695febc9288e36282235fc7151f128497b38f3f", "6695febc9288e36282235fc7151f128497b38f3f505e07eb9af25568fa1f5dbe"},
	} {
		u, err := NewUser("u", c.auth, "maplesyrup", c.priv, "maplesyrup")
		require.NoError(t, err)
		k := u.Keys(engineID)
		assert.Equal(t, c.authKey, hex.EncodeToString(k.auth))
		assert.Equal(t, c.privPrefix, hex.EncodeToString(k.priv))
	}
}

func TestUserRefusesWhatIsUnsafe(t *testing.T) {
	for want, c := range map[string]struct {
		name string
		auth Auth
		ap   string
		priv Priv
		pp   string
	}{
		"version 3 of SNMP needs a user":                                       {},
		"the user's name has 33 bytes, limit is 32":                            {name: "123456789012345678901234567890123"},
		"encryption with aes needs authentication":                             {name: "u", priv: AES128, pp: "12345678"},
		"the passphrase for authentication has 7 bytes, at least 8 are needed": {name: "u", auth: SHA1, ap: "1234567"},
		"the passphrase for encryption has 0 bytes, at least 8 are needed":     {name: "u", auth: SHA1, ap: "12345678", priv: DES},
	} {
		_, err := NewUser(c.name, c.auth, c.ap, c.priv, c.pp)
		assert.EqualError(t, err, want)
	}
}

func TestSlowKeys(t *testing.T) {
	for _, c := range []struct {
		auth Auth
		priv Priv
		slow bool
	}{{SHA1, AES128, false}, {SHA1, AES192C, true}, {SHA1, AES256, false}, {SHA224, AES256C, true}, {SHA256, AES256C, false}} {
		u := &User{Auth: c.auth, Priv: c.priv}
		assert.Equal(t, c.slow, u.Slow(), "%s %s", c.auth, c.priv)
	}
}

// TestEncryptionComesBack encrypts and decrypts with all protocols.
func TestEncryptionComesBack(t *testing.T) {
	var users []*User
	for a := MD5; a <= SHA512; a++ {
		for p := DES; p <= AES256C; p++ {
			u, err := NewUser("u", a, "authauth", p, "privpriv")
			require.NoError(t, err)
			users = append(users, u)
		}
	}
	var coder Coder
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(users).Draw(t, "user").Keys([]byte("engine"))
		plain := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "plain")
		boots, time, number := rapid.Uint32().Draw(t, "boots"), rapid.Uint32().Draw(t, "time"), rapid.Uint64().Draw(t, "number")
		salt := Salt(k.Priv, boots, number)
		secret, err := coder.Encrypt(k, boots, time, salt, bytes.Clone(plain))
		require.NoError(t, err)
		if len(plain) >= 8 {
			assert.NotEqual(t, plain, secret[:len(plain)])
		}
		mac := bytes.Clone(coder.MAC(k, append(bytes.Clone(secret), make([]byte, k.Auth.MACSize())...)))
		message := append(bytes.Clone(secret), mac...)
		require.NoError(t, coder.Verify(k, message, message[len(secret):]))
		require.NoError(t, coder.Decrypt(k, boots, time, salt[:], secret))
		assert.Equal(t, plain, secret[:len(plain)])
		mac[0] ^= 1
		message = append(message[:len(secret)], mac...)
		assert.ErrorIs(t, coder.Verify(k, message, message[len(secret):]), ErrMAC)
		assert.ErrorIs(t, coder.Verify(k, message, message[:3]), ErrMAC)
	})
	des := users[0].Keys(nil)
	assert.ErrorIs(t, coder.Decrypt(des, 0, 0, nil, nil), errSalt)
	assert.ErrorIs(t, coder.Decrypt(des, 0, 0, make([]byte, 8), make([]byte, 7)), errBlocks)
}

func TestCoderTakesNoMemory(t *testing.T) {
	u, err := NewUser("u", SHA1, "authauth", AES128, "privpriv")
	require.NoError(t, err)
	k, message := u.Keys([]byte("engine")), make([]byte, 1400)
	var coder Coder
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		salt := Salt(AES128, 1, 2)
		_, _ = coder.Encrypt(k, 1, 2, salt, message)
		_ = coder.Decrypt(k, 1, 2, salt[:], message)
		_ = coder.Verify(k, message, message[10:22])
	}))
}

func TestProtocolNames(t *testing.T) {
	for text, want := range map[string]Auth{"": NoAuth, "none": NoAuth, "MD5": MD5, "sha": SHA1, "SHA-1": SHA1, "sha-224": SHA224, "SHA256": SHA256, "sha384": SHA384, "SHA-512": SHA512} {
		var a Auth
		require.NoError(t, a.UnmarshalText([]byte(text)))
		assert.Equal(t, want, a)
		again, _ := a.MarshalText()
		assert.Equal(t, a.String(), string(again))
	}
	for text, want := range map[string]Priv{"": NoPriv, "DES": DES, "aes": AES128, "AES-128": AES128, "aes192": AES192, "AES256": AES256, "aes192c": AES192C, "AES-256-C": AES256C} {
		var p Priv
		require.NoError(t, p.UnmarshalText([]byte(text)))
		assert.Equal(t, want, p)
		again, _ := p.MarshalText()
		assert.Equal(t, p.String(), string(again))
	}
	var a Auth
	assert.EqualError(t, a.UnmarshalText([]byte("sha3")), `unknown authentication "sha3": expected one of ["none" "md5" "sha" "sha224" "sha256" "sha384" "sha512"]`)
	var p Priv
	assert.EqualError(t, p.UnmarshalText([]byte("3des")), `unknown encryption "3des": expected one of ["none" "des" "aes" "aes192" "aes256" "aes192c" "aes256c"]`)
}
