// Package shardgroup is what members of a sharding group leave in Kafka for each other and for those who look on: what a
// member says of itself when it joins, what it commits for each of its shards, and how to read both from the group alone.
//
// Members speak Kafka's classic group protocol with the formats of ordinary consumers, so that Kafka's own tools can
// describe the group, but under a protocol name of their own: a consumer that is none of ours cannot join.
package shardgroup
