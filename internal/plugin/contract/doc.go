// Package contract holds what plugins say that they make, checks what they make against it, and prints it.
package contract
