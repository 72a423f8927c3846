// Package schedule decides when each task runs, and runs it: one task per plugin and resource, a million of them.
//
// A task that has never run starts after a delay that is a hash of its name, within its interval and a minute at the
// most, as in Panoptes. From then on it has a fixed place in its interval, again a hash of its name: counted from the
// epoch, so that a restart does not move it and tasks spread evenly. Runs of one task never overlap; a slot that comes
// while the task still runs, or waits for a free place, is missed: counted, not queued.
//
// Tasks whose slots lie in one step of time start together, at its end: to wake up for one run costs several times a run. Steps take from 5 to
// 320 ms, a tenth of the shortest interval at the most, and are as long as it takes for some twenty runs to be due, fewer if they make one another late.
//
// All tasks lie in one table (table.go), their due times in an agenda (agenda.go); what is due waits in queues that are fair between plugins
// (queue.go); a bounded number of goroutines runs it (scheduler.go).
package schedule
