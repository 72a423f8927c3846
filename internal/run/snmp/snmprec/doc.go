// Package snmprec reads and writes recordings of devices as snmpsim has them: a line OID|TAG|VALUE a variable, where TAG is
// the type's number in messages (RFC 3416), followed by x if VALUE is hexadecimal. A Recording answers requests in the place
// of the device.
package snmprec
