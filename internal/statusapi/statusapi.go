// Package statusapi is the JSON that the extension panoptes_status answers with (its README documents the paths), for the
// extension and for its clients. Times are RFC 3339, absent where there is none; durations are seconds.
package statusapi

import (
	"encoding/json"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// Overview counts everything.
type Overview struct {
	Version   string               `json:"version"`
	Receivers []string             `json:"receivers"`
	Plugins   int                  `json:"plugins"`
	Resources int                  `json:"resources"`
	Tasks     int                  `json:"tasks"`
	States    map[status.State]int `json:"states"`
}

// Plugin is a plugin file.
type Plugin struct {
	Receiver    string    `json:"receiver"`
	Name        string    `json:"name"`
	File        string    `json:"file"`
	Type        string    `json:"type"`
	Runtime     string    `json:"runtime"`
	Version     string    `json:"version"`
	Interval    float64   `json:"interval"`
	Deadline    float64   `json:"deadline"`
	Filter      string    `json:"filter"`
	Loaded      time.Time `json:"loaded,omitzero"`
	Tasks       int       `json:"tasks"`
	Failing     int       `json:"failing"`
	Error       string    `json:"error,omitempty"`
	ErrorSince  time.Time `json:"error_since,omitzero"`
	Runs        int64     `json:"runs"`
	FailedRuns  int64     `json:"failed_runs"`
	BusySeconds float64   `json:"busy_seconds"`
	CPUSeconds  float64   `json:"cpu_seconds"`
	Points      int64     `json:"data_points"`
	Bytes       int64     `json:"bytes"`
	Series      int64     `json:"series"`
	LastFailure *Failure  `json:"last_failure,omitempty"`
}

// Failure is a run that failed. The fields of the resource are absent where the plugin runs against none.
type Failure struct {
	At       time.Time `json:"at"`
	Site     string    `json:"resource_site,omitempty"`
	Class    string    `json:"resource_class,omitempty"`
	Subclass string    `json:"resource_subclass,omitempty"`
	Type     string    `json:"resource_type,omitempty"`
	ID       string    `json:"resource_id,omitempty"`
	Outcome  string    `json:"outcome"`
	Error    string    `json:"error"`
}

// Source is where resources come from.
type Source struct {
	Receiver  string    `json:"receiver"`
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Resources int       `json:"resources"`
	Refreshed time.Time `json:"refreshed,omitzero"`
	Changed   time.Time `json:"changed,omitzero"`
	Error     string    `json:"error,omitempty"`
	Failed    time.Time `json:"failed,omitzero"`
}

// Claim is that a source lists a resource.
type Claim struct {
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Since   time.Time `json:"since,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	TTL     float64   `json:"ttl"`
}

// Resource is a resource, and who lists it.
type Resource struct {
	Receiver string          `json:"receiver"`
	Key      string          `json:"key"`
	Since    time.Time       `json:"since,omitzero"`
	Resource json.RawMessage `json:"resource"`
	Claims   []Claim         `json:"claims"`
}

// Task is a plugin against a resource.
type Task struct {
	Receiver  string       `json:"receiver"`
	Plugin    string       `json:"plugin"`
	Site      string       `json:"resource_site"`
	Class     string       `json:"resource_class"`
	Subclass  string       `json:"resource_subclass"`
	Type      string       `json:"resource_type"`
	ID        string       `json:"resource_id"`
	State     status.State `json:"state"`
	Error     string       `json:"error,omitempty"` // of a task whose last run failed: the first line; a Detail has all of it
	LastStart time.Time    `json:"last_start,omitzero"`
	Duration  float64      `json:"duration"`
	Lateness  float64      `json:"lateness"`
	Outcome   string       `json:"outcome,omitempty"`
	Groups    int          `json:"groups"`
	Points    int          `json:"data_points"`
	Bytes     int64        `json:"bytes"`
	Failures  int          `json:"failures"`
	Missed    int64        `json:"missed"`
	Next      time.Time    `json:"next,omitzero"`
}

// LogLine is a line that a plugin logged.
type LogLine struct {
	At      time.Time `json:"at"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
}

// Detail is a task with what is too large to be listed.
type Detail struct {
	Task
	Interval float64           `json:"interval"`
	Error    string            `json:"error,omitempty"`
	ErrorAt  time.Time         `json:"error_at,omitzero"`
	Log      []LogLine         `json:"log,omitempty"`
	Output   []json.RawMessage `json:"output,omitempty"`
	Resource *Resource         `json:"resource,omitempty"`
}

// Page is a part of a list.
type Page[T any] struct {
	Total int `json:"total"`
	Page  int `json:"page"`
	Pages int `json:"pages"`
	Items []T `json:"items"`
}
