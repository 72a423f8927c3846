// Package handover moves the state of shards from one owner to the next, through the partition of a topic that has the
// shard's number. A state is written once, when its shard is given away; the commit that says where it is, and the one
// that says it was taken, are not this package's: they are what makes a state count, once.
//
// A state is a list of sections, one a part. In the topic it is cut into records, which are told from those of other
// writers by the tenure in their key. Both owners compare their clocks with one broker's, and so with each other.
package handover
