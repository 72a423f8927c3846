// Package statekeep keeps the state of a component in a storage: records by key, in sections that each have a source.
//
// A storage may be unable to list its keys, has no times to live, and is slow for many small writes. So records lie in
// chunks by the hash of their keys, an index says how many chunks a section has, and Save writes the chunks in which
// something changed. A section that outgrows its chunks is written anew, with more of them, under another generation.
//
// What cannot be read is put aside under another key, and is no error: the rest is used.
package statekeep
