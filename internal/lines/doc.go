// Package lines reads lines of bounded length from a stream.
package lines
