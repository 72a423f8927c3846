// Package workers is the pool of long-lived processes that run plugins: the Python workers that all plugins share, and the
// processes of one process plugin.
//
// A Job waits in line until a process has a place for it. In an ordered pool a process works on one job at a time, in the
// order in which it got them, and answers each as soon as it is done: so the oldest job is the one that is on, and it began
// when the one before it was answered. Otherwise a process works on all its jobs at once. When a process ends, the jobs
// that it had begun are lost; the others go back to the head of the line.
//
// # Who owns the state
//
// Pool.mu guards all state of the pool, of its workers and of its jobs. Functions whose name ends in Locked need it, and
// only change that state: they neither take the lock nor call update. Whatever happens (a new job, an answer, the end of
// a process, a deadline, a timer) takes the lock, changes the state, and calls update once before it lets go. update alone
// hands out jobs, starts processes and refuses jobs; it builds the new line apart from the old one. So no helper can come
// back into the middle of a change.
//
// Invariants, while nobody holds the lock:
//   - a job that is not settled is in one place: in Pool.waiting, or among the jobs of one worker of Pool.workers;
//   - a worker is in Pool.workers until it is taken out (gone), and has no jobs after that;
//   - Pool.live counts the processes from before their start until nothing is left of them;
//   - a job is settled once, and Ended is called once, not before.
package workers
