// Package resourcekeys keeps the resources of a receiver in a store outside of the Collector, under the keys and in the form
// that Panoptes has for them (docs/panoptes/formats.md, section 2), so that Panoptes, and people with redis-cli, find them.
//
// A key is written when its resource comes or changes, again when a third of its time to live has passed, and deleted when
// the resource leaves. Keys that this process has not written are left alone. At the end all stay, for their times to live.
//
// The goroutine of Run owns what has been written; Set hands it the resources under the one lock.
package resourcekeys
