// Package usm is the user-based security model of SNMPv3 (RFC 3414): keys from passphrases, authentication, encryption.
// It knows nothing of messages: it is given the bytes.
package usm
