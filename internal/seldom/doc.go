// Package seldom keeps logs short. A Teller tells of things that data brings each once an hour, and of not too many; a Digest
// tells of what happens often once a minute by its cause, with how often it was.
package seldom
