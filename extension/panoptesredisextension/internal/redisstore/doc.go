// Package redisstore keeps what plugins share in one Redis, under Panoptes' own keys (docs/panoptes: formats.md, sections 2
// and 4, runtime.md, sections 7 and 8).
//
// Who owns what: whether Redis can be used is watch's, under its one lock; its goroutine alone finds that Redis is away or
// back, calls only make it look. The list of enrichment keys is under the lock of enrichmentList. Neither lock is held during
// a call of Redis, and no method that takes one is called with it held.
//
// Invariants: a call ends within Settings.Timeout; while Redis is away it fails at once; what Redis may have carried out is
// sent again only where that changes nothing.
package redisstore
