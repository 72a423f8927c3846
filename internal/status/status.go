// Package status is what receivers tell of themselves to those who show it to people: plugins, resources, and the tasks
// between them. A Board, which the extension panoptes_status is, takes receivers; a Receiver answers its questions.
package status

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Board shows receivers.
type Board interface {
	// Add shows a receiver, until remove is called. Both may be called from any goroutine.
	Add(Receiver) (remove func())
	// ShowsOutput says whether the board shows the output of tasks, which costs a receiver to keep.
	ShowsOutput() bool
}

// Boards returns the boards among the extensions of a host.
func Boards(extensions map[component.ID]component.Component) []Board {
	ids := slices.SortedFunc(maps.Keys(extensions), func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) })
	var boards []Board
	for _, id := range ids {
		if b, ok := extensions[id].(Board); ok {
			boards = append(boards, b)
		}
	}
	return boards
}

// Receiver is a receiver panoptes as a board sees it. All methods are safe for concurrent use, and none holds up the
// schedule for long.
type Receiver interface {
	// ID is the component's id.
	ID() component.ID
	// Counts returns how many plugins and resources there are.
	Counts() (plugins, resources int)
	// Plugins returns all plugins, by name, those that could not be loaded among them.
	Plugins() []Plugin
	// Sources returns where resources come from.
	Sources() []store.SourceStatus
	// Resources returns all resources and who lists them.
	Resources() []store.Entry
	// Tasks calls visit for each task, in no order, until it returns false. The Task is visit's only until it returns.
	Tasks(visit func(*Task) bool)
	// Detail returns a task with what is too large to be listed, or ErrNoTask.
	Detail(TaskID) (*Detail, error)
	// RunNow runs a task at once, beside its schedule, and returns when it has ended. It returns ErrNoTask or ErrBusy.
	RunNow(context.Context, TaskID) error
}

// ErrNoTask means that there is no such task, or no more.
var ErrNoTask = errors.New("there is no such task")

// ErrBusy means that the task is running.
var ErrBusy = errors.New("the task is running now")

// TaskID names a task: a plugin and a resource.
type TaskID struct {
	Plugin   string
	Resource pluginsdk.Identity
}

// Plugin is the state of one plugin file.
type Plugin struct {
	// Name is the plugin's, or "" where the file could not be read that far.
	Name string
	// File is its path, Runtime what runs it, Version the hash of its content.
	File, Runtime, Version string
	// Type is discovery, polling or enrichment.
	Type             string
	Interval         time.Duration
	Deadline         time.Duration
	Filter           string
	Loaded           time.Time
	Tasks            int
	Error            string    // why the present content of the file is not what runs; "" where it is
	ErrorSince       time.Time // since when
	Runs, FailedRuns int64     // since the start of the Collector
	CPU              time.Duration
	Busy             time.Duration // the time that runs took, all together
	Points           int64         // data points produced
	Bytes            int64         // of the groups in Panoptes' JSON
	Series           int64         // that it has now: the data points of the last good run of each task
	// LastFailure is the last run that failed; nil where none did.
	LastFailure *Failure
}

// Failure is a run that failed.
type Failure struct {
	At time.Time
	// Resource is the zero Identity for a discovery plugin.
	Resource       pluginsdk.Identity
	Outcome, Error string
}

// State is what is to be said of a task in a word.
type State string

// The states. They are listed by urgency.
const (
	// Failing: its last run failed.
	Failing State = "failing"
	// BackingOff: its resource failed so often that its runs wait longer.
	BackingOff State = "backing_off"
	// Late: its last slot was missed or began later than a tenth of its interval.
	Late State = "late"
	// Running: it runs now.
	Running State = "running"
	// Waiting: it has not run yet.
	Waiting State = "waiting"
	// OK: its last run was fine.
	OK State = "ok"
)

// States are all states, by urgency.
var States = []State{Failing, BackingOff, Late, Running, Waiting, OK}

// Rank is the place of s among States.
func (s State) Rank() int { return slices.Index(States, s) }

// Task is a plugin against a resource.
type Task struct {
	Plugin   string
	Resource *pluginsdk.Resource
	State    State
	// LastStart is when it started last, zero where it has not run; what follows is of that run.
	LastStart time.Time
	Duration  time.Duration
	Lateness  time.Duration
	Outcome   string
	// Error is the first line of the error of a run that failed, where it is kept.
	Error  string
	Groups int
	Points int
	// Bytes are those of the groups in Panoptes' JSON.
	Bytes int64
	// Failures is how many runs failed in a row.
	Failures int
	// Missed is how many slots it missed since the start of the Collector.
	Missed int64
	// Next is when it is due.
	Next time.Time
}

// ID names the task.
func (t *Task) ID() TaskID { return TaskID{t.Plugin, t.Resource.Identity()} }

// Detail is a task with what is too large to be listed.
type Detail struct {
	Task
	Interval time.Duration
	// Error is the last one, with its traceback, and when it was.
	Error   string
	ErrorAt time.Time
	// Log are the last lines that the run logged which ended in Error.
	Log []LogLine
	// Output are the groups of the last run in Panoptes' JSON; nil where they are not kept.
	Output []string
	// Entry is the resource, and who lists it.
	Entry *store.Entry
}

// LogLine is a line that a plugin logged.
type LogLine struct {
	At      time.Time
	Level   string
	Message string
}
