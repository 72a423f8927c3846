// Package shard is how several Collectors share one fleet: what a membership of them offers, and what receivers and
// processors bring to it.
//
// All resources are divided into a fixed number of shards by their ids alone (Of), so everything about a device stays
// together. Each shard has at most one owner. These rules hold, and all who use a Membership rely on them:
//
//   - A shard is owned from the time its last owner's state has been taken over, or found to be missing, until it is
//     given away or the lease ends. Each time it is owned anew it has another epoch.
//   - A run of an owned shard begins where Owns says so, and its results count where Holds says so when it has ended. So
//     every result lies within the time of one owner.
//   - What a part keeps of a shard is handed over once or dropped. It is never used after somebody else owned the shard.
//   - The functions of all parts are called one at a time.
package shard
