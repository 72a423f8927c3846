package usm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// Coder authenticates and encrypts messages. It keeps what that needs from one message to the next, so that no memory is
// taken for each; it serves one goroutine at a time. The zero value is ready.
type Coder struct {
	hashes [SHA512 + 1]hash.Hash
	sum    []byte
	// Fields instead of variables, which would take memory at each call, since they are handed to an interface.
	pad            [128]byte
	vector, stream [16]byte
	sent           [48]byte
}

// MAC returns the authentication code of a message. It is valid until the next call.
func (c *Coder) MAC(k *Keys, message []byte) []byte {
	h := c.hashes[k.Auth]
	if h == nil {
		h = k.Auth.newHash()
		c.hashes[k.Auth] = h
	}
	// HMAC (RFC 2104) of a key that is never longer than a block.
	pad := c.pad[:h.BlockSize()]
	c.setPad(pad, k.auth, 0x36)
	h.Reset()
	h.Write(pad)
	h.Write(message)
	c.sum = h.Sum(c.sum[:0])
	c.setPad(pad, k.auth, 0x5c)
	h.Reset()
	h.Write(pad)
	h.Write(c.sum)
	c.sum = h.Sum(c.sum[:0])
	return c.sum[:k.Auth.MACSize()]
}

func (c *Coder) setPad(pad, key []byte, mask byte) {
	for i := range pad {
		pad[i] = mask
	}
	for i, b := range key {
		pad[i] ^= b
	}
}

var (
	// ErrMAC says that a message is not from who it says, or was changed.
	ErrMAC = errors.New("the authentication code (HMAC) is wrong")

	errSalt   = errors.New("the parameters for encryption have no 8 bytes")
	errBlocks = errors.New("the encrypted part is no whole number of blocks")
)

// Verify checks the authentication code of a message, which mac is a part of. It overwrites it.
func (c *Coder) Verify(k *Keys, message, mac []byte) error {
	if len(mac) != k.Auth.MACSize() {
		return fmt.Errorf("%w: it has %d bytes instead of %d", ErrMAC, len(mac), k.Auth.MACSize())
	}
	n := copy(c.sent[:], mac)
	clear(mac)
	if subtle.ConstantTimeCompare(c.sent[:n], c.MAC(k, message)) != 1 {
		return ErrMAC
	}
	return nil
}

// Salt makes the parameters for encryption of a message out of a number that no other message has, and the engine's boots.
func Salt(p Priv, boots uint32, number uint64) (salt [8]byte) {
	binary.BigEndian.PutUint64(salt[:], number)
	if p == DES {
		binary.BigEndian.PutUint32(salt[:], boots)
	}
	return salt
}

// cipher makes the cipher of keys that encrypt.
func (k *Keys) cipher() (block cipher.Block, err error) {
	if k.block == nil {
		if k.Priv == DES {
			k.block, err = des.NewCipher(k.priv[:8])
		} else {
			k.block, err = aes.NewCipher(k.priv)
		}
	}
	return k.block, err
}

// Rest lets go what can be made again at the next message.
func (k *Keys) Rest() { k.block = nil }

// Encrypt encrypts data in its place and returns it, for DES with what fills the last block.
func (c *Coder) Encrypt(k *Keys, boots, time uint32, salt [8]byte, data []byte) ([]byte, error) {
	block, err := k.cipher()
	if err != nil {
		return nil, err
	}
	if k.Priv == DES {
		data = append(data, make([]byte, -len(data)&7)...)
		encryptCBC(block, desVector(k, salt), data)
		return data, nil
	}
	c.vector = aesVector(boots, time, salt)
	for at := 0; at < len(data); at += len(c.stream) {
		block.Encrypt(c.stream[:], c.vector[:])
		subtle.XORBytes(data[at:], data[at:], c.stream[:])
		copy(c.vector[:], data[at:])
	}
	return data, nil
}

// Decrypt decrypts data in its place.
func (c *Coder) Decrypt(k *Keys, boots, time uint32, salt, data []byte) error {
	if len(salt) != 8 {
		return errSalt
	}
	block, err := k.cipher()
	if err != nil {
		return err
	}
	if k.Priv == DES {
		if len(data)%8 != 0 {
			return errBlocks
		}
		decryptCBC(block, desVector(k, [8]byte(salt)), data)
		return nil
	}
	c.vector = aesVector(boots, time, [8]byte(salt))
	for at := 0; at < len(data); at += len(c.stream) {
		block.Encrypt(c.stream[:], c.vector[:])
		copy(c.vector[:], data[at:])
		subtle.XORBytes(data[at:], data[at:], c.stream[:])
	}
	return nil
}

// aesVector is the first vector of CFB (RFC 3826, section 3.1.2.1).
func aesVector(boots, time uint32, salt [8]byte) (vector [16]byte) {
	binary.BigEndian.PutUint32(vector[:], boots)
	binary.BigEndian.PutUint32(vector[4:], time)
	copy(vector[8:], salt[:])
	return vector
}

// desVector is the first vector of CBC (RFC 3414, section 8.1.1.1).
func desVector(k *Keys, salt [8]byte) (vector [8]byte) {
	subtle.XORBytes(vector[:], k.priv[8:16], salt[:])
	return vector
}

func encryptCBC(block cipher.Block, vector [8]byte, data []byte) {
	for ; len(data) > 0; data = data[8:] {
		subtle.XORBytes(data, data[:8], vector[:])
		block.Encrypt(data, data)
		vector = [8]byte(data)
	}
}

func decryptCBC(block cipher.Block, vector [8]byte, data []byte) {
	for ; len(data) > 0; data = data[8:] {
		next := [8]byte(data)
		block.Decrypt(data, data)
		subtle.XORBytes(data, data[:8], vector[:])
		vector = next
	}
}
