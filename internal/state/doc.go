// Package state keeps the state of a component in a storage extension.
//
// OpenStorage opens the storage, or a spare one while it is damaged. A Keeper holds records by key, in sections that each
// have a Source.
//
// A storage may be unable to list its keys, has no expiry, and is slow for many small writes. So records lie in chunks by
// the hash of their keys, an index says how many chunks a section has, and Save writes the chunks in which something
// changed. A section that outgrows its chunks is written anew, with more of them, under another generation.
//
// A chunk or an index that cannot be read is put aside under another key; the rest is used.
package state
