package schedule

import (
	"context"
	"time"
)

// Run is one run of a task.
type Run[T any] struct {
	// Value is what the task was given.
	Value T
	// Task is the task's ID.
	Task ID
	// Due is the slot.
	Due time.Time
	// Lateness is the time from the end of the step in which the slot lies (see the package comment) to the start.
	Lateness time.Duration
	// First says that the task has not run before, as far as is known.
	First bool
	// Begun is to be called when the run has what it needs besides its place, such as a worker, and again where it had to wait
	// for that once more. A run counts as hanging from then on; until then it counts as one that waits.
	Begun func()
}

// Result is what a run came to.
type Result struct {
	Verdict Verdict
	// Took is how long the run itself took, without what it waited for a worker; 0 is all the time.
	Took time.Duration
}

// Settings are what New takes.
type Settings[T any] struct {
	// MaxConcurrent is the most runs under way at once, at least 1, besides those of classes that are apart.
	MaxConcurrent int
	// Classes are the kinds of plugins; a lane is opened in one of them, by its index.
	Classes []Class
	// Breaker says when a resource is left alone.
	Breaker Breaker
	// Run runs a task. It is called from as many goroutines as runs can be under way; ctx ends when Stop does not wait any longer, or,
	// with the cause ErrGaveWay, when others need the place. Run must return then.
	Run func(ctx context.Context, r Run[T]) Result
	// Missed is told how many slots a task missed when one of its runs ends.
	Missed func(value T, slots int64)
	// Skipped is told of each run that does not take place; nil is told nothing.
	Skipped func(value T, reason Reason)
	// Pressure says for how long the pipeline has refused data, 0 where it takes them; nil is always 0. It is called
	// often, under a lock.
	Pressure func() time.Duration
	// Stepped is told by how much the wall clock was set; nil is told nothing.
	Stepped func(by time.Duration)
}

// Class is a kind of plugins that share places.
type Class struct {
	// Places is the most runs at once.
	Places int
	// Apart says that its runs take no places of MaxConcurrent.
	Apart bool
	// Ahead is how many runs are handed to each worker at once, of which one goes on; 0 is 1.
	Ahead int
}
