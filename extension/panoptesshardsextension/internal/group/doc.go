// Package group is a member of a Kafka group that shares shards: it joins, is assigned shards, takes them over from their
// last owners, and gives them to the next.
//
// It speaks the classic group protocol itself rather than use the client's consumer: that one fetches what nobody reads,
// reports shards as lost while a coordinator fails over, and hides when its heartbeats began, which the lease needs.
//
// Who does what:
//
//   - One goroutine (run) joins, gives and leaves. It alone decides which shards the member claims.
//   - One goroutine (beat) sends heartbeats, and renews or ends the lease.
//   - Each set of shards that the member is assigned is taken in a goroutine of its own (take), so that a slow take holds
//     up neither heartbeats nor rebalances.
//
// The Group's lock guards the member's identity and the phase of each shard. It is never held during a request or a
// call of a part, and no function that takes it is called with it. Under it alone a shard becomes owned (by take) and ceases
// to be (by run), so a take that was overtaken owns nothing.
//
// What holds:
//
//   - A shard is owned only after the commit that says so, by this member, in a generation in which it is assigned to
//     it. The coordinator refuses commits of older generations, so a late one cannot undo what the next owner says.
//   - A shard is claimed from its assignment until all of it was given away, taken back or lost, and the coordinator
//     gives claimed shards to nobody else while the lease lasts.
//   - A state is committed only after its records, and used only by the member that commits the take after it. So it is
//     used once.
//   - All the member does on behalf of a shard ends before the member rejoins without it.
package group
