// Package status is what receivers tell of themselves to those who show it to people: plugins, resources, and the tasks
// between them. A Board, which the extension panoptes_status is, takes receivers; a Receiver answers its questions.
//
// In JSON the types are what the extension's API answers with (schema/status-api-v1.json): times are RFC 3339, absent where
// there is none, durations are seconds.
package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	// AddStage shows a component behind receivers, until remove is called. As Add.
	AddStage(*Stage) (remove func())
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
	// Places returns the places that runs have, by class, and then of each plugin whose own limit is short.
	Places() []Places
	// Warnings returns what works, but hardly as it was meant.
	Warnings() []Warning
	// Sources returns where resources come from.
	Sources() []store.SourceStatus
	// Resources returns all resources and who lists them.
	Resources() []store.Entry
	// Tasks calls visit for each task, in no order, until it returns false. The Task is visit's only until it returns.
	Tasks(visit func(*Task) bool)
	// Detail returns a task with what is too large to be listed, or ErrNoTask.
	Detail(TaskID) (*Detail, error)
	// Kept returns what its stores have of the resources with an id.
	Kept(ctx context.Context, resourceID string) (Kept, error)
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

// Overview counts everything.
type Overview struct {
	Version   string        `json:"version"`
	Receivers []string      `json:"receivers"`
	Plugins   int           `json:"plugins"`
	Resources int           `json:"resources"`
	Tasks     int           `json:"tasks"`
	States    map[State]int `json:"states"`
	Places    []Places      `json:"places"`
	Warnings  []Warning     `json:"warnings"`
}

// Warning is something that works, but hardly as it was meant.
type Warning struct {
	Receiver string `json:"receiver"` // filled in by the board
	// Plugin is the one that it is about; "" where it is about none.
	Plugin string `json:"plugin,omitempty"`
	// Said is what it is, and stays the same as long as that is so. Next is what to do.
	Said string `json:"said"`
	Next string `json:"next"`
}

// Places are those that the runs of a class of plugins have, or those of one plugin: how many there are, are used, and are wanted by
// what is due.
type Places struct {
	Receiver string `json:"receiver"` // filled in by the board
	// Class is go, python, process, exec or snmp.
	Class string `json:"class"`
	// Plugin is the one that has no more places, whatever its class has; "" says that they are those of the class.
	Plugin string `json:"plugin,omitempty"`
	Places int    `json:"places"`
	Used   int    `json:"used"`
	Wanted int    `json:"wanted"`
	// Short says that what is due waits for a place. Setting is what to raise then: a setting of the receiver, or the plugin's own
	// concurrency; "" where there is nothing.
	Short   bool   `json:"short"`
	Setting string `json:"setting"`
}

// Of is whose runs they are for.
func (p *Places) Of() string {
	if p.Plugin != "" {
		return fmt.Sprintf("plugin %q", p.Plugin)
	}
	return p.Class + " plugins"
}

// Next is what to do where places are short.
func (p *Places) Next() string {
	next := "see which plugin's runs take long (panoptes top), or let plugins run less often"
	if p.Plugin != "" {
		next = "see why the plugin's runs take long, or let it run less often"
	}
	if p.Setting == "" {
		return next
	}
	return "raise " + p.Setting + ", or " + next
}

// Page is a part of a list.
type Page[T any] struct {
	Total int `json:"total"`
	Page  int `json:"page"`
	Pages int `json:"pages"`
	Items []T `json:"items"`
}

// Plugin is the state of one plugin file.
type Plugin struct {
	Receiver string `json:"receiver"` // filled in by the board
	// Name is the plugin's, or "" where the file could not be read that far.
	Name string `json:"name"`
	// File is its path, Runtime what runs it, Version the hash of its content.
	File string `json:"file"`
	// Type is discovery, polling or enrichment.
	Type     string    `json:"type"`
	Runtime  string    `json:"runtime"`
	Version  string    `json:"version"`
	Interval float64   `json:"interval"`
	Deadline float64   `json:"deadline"`
	Filter   string    `json:"filter"`
	Loaded   time.Time `json:"loaded,omitzero"`
	Tasks    int       `json:"tasks"`
	// Failing is how many of its tasks fail or back off now; filled in by the board.
	Failing int `json:"failing"`
	// Error is why the present content of the file is not what runs, since ErrorSince; "" where it is.
	Error      string    `json:"error,omitempty"`
	ErrorSince time.Time `json:"error_since,omitzero"`
	// What follows counts from the start of the Collector.
	Runs       int64   `json:"runs"`
	FailedRuns int64   `json:"failed_runs"`
	Busy       float64 `json:"busy_seconds"` // the time that runs took, all together
	CPU        float64 `json:"cpu_seconds"`
	Points     int64   `json:"data_points"`
	Bytes      int64   `json:"bytes"` // of the groups in Panoptes' JSON
	// Series is how many it has now: the data points of the last good run of each task.
	Series int64 `json:"series"`
	// LastFailure is the last run that failed; nil where none did.
	LastFailure *Failure `json:"last_failure,omitempty"`
}

// HasGood says whether some version of the plugin runs.
func (p *Plugin) HasGood() bool { return p.Version != "" }

// Failure is a run that failed.
type Failure struct {
	At time.Time `json:"at"`
	FailedOn
	Outcome string `json:"outcome"`
	Error   string `json:"error"`
}

// FailedOn is the resource of a failure. Its fields are absent where a plugin runs against none.
type FailedOn struct {
	Site     string `json:"resource_site,omitempty"`
	Class    string `json:"resource_class,omitempty"`
	Subclass string `json:"resource_subclass,omitempty"`
	Type     string `json:"resource_type,omitempty"`
	ID       string `json:"resource_id,omitempty"`
}

// Source is where resources come from.
type Source struct {
	Receiver string `json:"receiver"`
	store.SourceStatus
}

// Resource is a resource, and who lists it.
type Resource struct {
	Receiver string `json:"receiver"`
	// Key is that of Panoptes' store.
	Key string `json:"key"`
	store.Entry
}

// ResourceOf is what a board shows of a receiver's resource.
func ResourceOf(receiver string, e store.Entry) Resource {
	if e.Claims == nil {
		e.Claims = []store.Claim{}
	}
	return Resource{receiver, e.Resource.Key(), e}
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
	// Receiver and Identity, which is the resource's, are filled in by the board.
	Receiver string `json:"receiver"`
	Plugin   string `json:"plugin"`
	Identity
	State State `json:"state"`
	// Error is the first line of the error of a last run that failed, where it is kept.
	Error string `json:"error,omitempty"`
	// LastStart is when it started last, zero where it has not run; what follows is of that run.
	LastStart time.Time `json:"last_start,omitzero"`
	Duration  float64   `json:"duration"`
	Lateness  float64   `json:"lateness"`
	Outcome   string    `json:"outcome,omitempty"`
	Groups    int       `json:"groups"`
	Points    int       `json:"data_points"`
	// Bytes are those of the groups in Panoptes' JSON.
	Bytes int64 `json:"bytes"`
	// Check is what a check of Nagios' kind said that is not OK; nil for any other task.
	Check *Check `json:"check,omitempty"`
	// Failures is how many runs failed in a row.
	Failures int `json:"failures"`
	// Missed is how many slots it missed since the start of the Collector.
	Missed int64 `json:"missed"`
	// Next is when it is due.
	Next     time.Time           `json:"next,omitzero"`
	Resource *pluginsdk.Resource `json:"-"`
}

// Check is what a check of Nagios' kind said.
type Check struct {
	// State is 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN).
	State int `json:"state"`
	// Reason is the first line of what it wrote for people, where it is kept; in a Detail all of it.
	Reason string `json:"reason,omitempty"`
}

// Name is the state's.
func (c *Check) Name() string {
	return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[min(max(c.State, 0), 3)]
}

// Identity is what identifies the resource of a task; all is "" where the plugin runs against none.
type Identity struct {
	Site     string `json:"resource_site"`
	Class    string `json:"resource_class"`
	Subclass string `json:"resource_subclass"`
	Type     string `json:"resource_type"`
	ID       string `json:"resource_id"`
}

// TaskID names the task.
func (t *Task) TaskID() TaskID { return TaskID{t.Plugin, t.Resource.Identity()} }

// Of fills in the receiver that the task is of, and its resource's identity.
func (t *Task) Of(receiver string) {
	t.Receiver, t.Identity = receiver, Identity(t.Resource.Identity())
}

// Detail is a task with what is too large to be listed.
type Detail struct {
	Task
	Interval float64 `json:"interval"`
	// Error is the last one, with its traceback, and when it was.
	Error   string    `json:"error,omitempty"`
	ErrorAt time.Time `json:"error_at,omitzero"`
	// Log are the last lines that the run logged which ended in Error.
	Log []LogLine `json:"log,omitempty"`
	// Output are the groups of the last run in Panoptes' JSON; nil where they are not kept.
	Output []json.RawMessage `json:"output,omitempty"`
	// Entry is the resource, and who lists it.
	Entry *Resource `json:"resource,omitempty"`
}

// LogLine is a line that a plugin logged.
type LogLine struct {
	At      time.Time `json:"at"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
}

// Stores of what is kept of a resource.
const (
	// KeptEnrichment is what enrichment plugins found out.
	KeptEnrichment = "enrichment"
	// KeptKeys are keys of plugins that have the id of the resource in their names.
	KeptKeys = "keys"
)

// Kept is what the stores of a receiver have of a resource.
type Kept struct {
	Receiver   string `json:"receiver"` // filled in by the board
	ResourceID string `json:"resource_id"`
	// Items are enrichment by namespace, and then keys by name. Left is how many more there are.
	Items []KeptItem `json:"items"`
	Left  int        `json:"left"`
}

// KeptItem is one of them. Control characters are escaped in all texts, and secrets that plugins were given are taken out.
type KeptItem struct {
	// Store is KeptEnrichment or KeptKeys.
	Store string `json:"store"`
	// Name is the namespace of the enrichment, or the key.
	Name string `json:"name"`
	// Value is the beginning of what is kept: of enrichment its data, in JSON.
	Value string `json:"value"`
	// Bytes is how long it is.
	Bytes int `json:"bytes"`
	// Made is when the enrichment was, where it says so. Expires is absent where it stays for good.
	Made    time.Time `json:"made,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// Error is why it cannot be shown: a set is no value, or its store is away.
	Error string `json:"error,omitempty"`
}
