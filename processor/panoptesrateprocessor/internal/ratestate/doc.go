// Package ratestate holds the last value of every counter and says what rate the next one gives.
//
// A Store is a hash table in shards, each with its own lock and an array of 48-byte slots that hold no pointers, so
// that the garbage collector never looks into it. Slots are found by linear probing; deletion shifts back what follows,
// so there are no tombstones. Points come one by one (Store.Observe), or many at once (Batch), which is cheaper. Series
// are named by 128-bit hashes (Hasher), which are taken to be unique: among ten million series two share one with a
// probability of 1e-25.
package ratestate
