// Package seldom keeps logs short that tell of data: each thing once an hour, and not too many things.
package seldom
