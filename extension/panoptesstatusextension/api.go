package panoptesstatusextension

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// The types of this file are the JSON API, which README.md documents. Times are RFC 3339, absent where there is none;
// durations are seconds.

type overviewJSON struct {
	Version   string               `json:"version"`
	Receivers []string             `json:"receivers"`
	Plugins   int                  `json:"plugins"`
	Resources int                  `json:"resources"`
	Tasks     int                  `json:"tasks"`
	States    map[status.State]int `json:"states"`
}

type pluginJSON struct {
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
	Error       string    `json:"error,omitempty"`
	ErrorSince  time.Time `json:"error_since,omitzero"`
	Runs        int64     `json:"runs"`
	FailedRuns  int64     `json:"failed_runs"`
	BusySeconds float64   `json:"busy_seconds"`
	CPUSeconds  float64   `json:"cpu_seconds"`
	Points      int64     `json:"data_points"`
}

type sourceJSON struct {
	Receiver  string    `json:"receiver"`
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Resources int       `json:"resources"`
	Refreshed time.Time `json:"refreshed,omitzero"`
	Changed   time.Time `json:"changed,omitzero"`
	Error     string    `json:"error,omitempty"`
	Failed    time.Time `json:"failed,omitzero"`
}

type claimJSON struct {
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Since   time.Time `json:"since,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
}

type resourceJSON struct {
	Receiver string          `json:"receiver"`
	Key      string          `json:"key"`
	Since    time.Time       `json:"since,omitzero"`
	Resource json.RawMessage `json:"resource"`
	Claims   []claimJSON     `json:"claims"`
}

type taskJSON struct {
	Receiver  string       `json:"receiver"`
	Plugin    string       `json:"plugin"`
	Site      string       `json:"resource_site"`
	Class     string       `json:"resource_class"`
	Subclass  string       `json:"resource_subclass"`
	Type      string       `json:"resource_type"`
	ID        string       `json:"resource_id"`
	State     status.State `json:"state"`
	LastStart time.Time    `json:"last_start,omitzero"`
	Duration  float64      `json:"duration"`
	Lateness  float64      `json:"lateness"`
	Outcome   string       `json:"outcome,omitempty"`
	Groups    int          `json:"groups"`
	Points    int          `json:"data_points"`
	Failures  int          `json:"failures"`
	Missed    int64        `json:"missed"`
	Next      time.Time    `json:"next,omitzero"`
}

type logJSON struct {
	At      time.Time `json:"at"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
}

type detailJSON struct {
	taskJSON
	Interval float64           `json:"interval"`
	Error    string            `json:"error,omitempty"`
	ErrorAt  time.Time         `json:"error_at,omitzero"`
	Log      []logJSON         `json:"log,omitempty"`
	Output   []json.RawMessage `json:"output,omitempty"`
	Resource *resourceJSON     `json:"resource,omitempty"`
}

type pageJSON[T any] struct {
	Total int `json:"total"`
	Page  int `json:"page"`
	Pages int `json:"pages"`
	Items []T `json:"items"`
}

func (t *receiverTask) json() taskJSON {
	r := t.Resource
	return taskJSON{
		Receiver: t.Receiver, Plugin: t.Plugin, Site: r.Site, Class: r.Class, Subclass: r.Subclass, Type: r.Type, ID: r.ID,
		State: t.State, LastStart: t.LastStart, Duration: t.Duration.Seconds(), Lateness: t.Lateness.Seconds(),
		Outcome: t.Outcome, Groups: t.Groups, Points: t.Points, Failures: t.Failures, Missed: t.Missed, Next: t.Next,
	}
}

func (r *receiverResource) json() resourceJSON {
	out := resourceJSON{
		Receiver: r.Receiver, Key: r.Resource.Key(), Since: r.Since, Resource: r.Resource.AppendJSON(nil), Claims: []claimJSON{},
	}
	for _, c := range r.Claims {
		out.Claims = append(out.Claims, claimJSON{Kind: c.Source.Kind.String(), Name: c.Source.Name, Since: c.Since, Expires: c.Expires})
	}
	return out
}

func (p *receiverPlugin) json() pluginJSON {
	return pluginJSON{
		Receiver: p.Receiver, Name: p.Name, File: p.File, Type: p.Type, Runtime: p.Runtime, Version: p.Version,
		Interval: p.Interval.Seconds(), Deadline: p.Deadline.Seconds(), Filter: p.Filter, Loaded: p.Loaded, Tasks: p.Tasks,
		Error: p.Error, ErrorSince: p.ErrorSince, Runs: p.Runs, FailedRuns: p.FailedRuns, BusySeconds: p.Busy.Seconds(),
		CPUSeconds: p.CPU.Seconds(), Points: p.Points,
	}
}

func (s *receiverSource) json() sourceJSON {
	out := sourceJSON{
		Receiver: s.Receiver, Kind: s.Place.Kind.String(), Name: s.Place.Name, Resources: s.Resources,
		Refreshed: s.Refreshed, Changed: s.Changed, Failed: s.Failed,
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	return out
}

func detailToJSON(receiver string, d *status.Detail) detailJSON {
	out := detailJSON{
		taskJSON: (&receiverTask{receiver, d.Task}).json(), Interval: d.Interval.Seconds(), Error: d.Error, ErrorAt: d.ErrorAt,
	}
	for _, l := range d.Log {
		out.Log = append(out.Log, logJSON(l))
	}
	for _, g := range d.Output {
		out.Output = append(out.Output, json.RawMessage(g))
	}
	if d.Entry != nil {
		r := (&receiverResource{receiver, *d.Entry}).json()
		out.Resource = &r
	}
	return out
}

// items makes a list, which is never null.
func items[T, J any](all []T, convert func(*T) J) []J {
	out := make([]J, 0, len(all))
	for i := range all {
		out = append(out, convert(&all[i]))
	}
	return out
}

// api makes a handler of what answers a query.
func (e *statusExtension) api(answer func(q query) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := readQuery(r.URL.Query())
		if err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		writeJSON(w, http.StatusOK, answer(q))
	}
}

func (e *statusExtension) apiTask(w http.ResponseWriter, r *http.Request) {
	receiver, detail, err := e.detail(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusNotFound, err)
		return
	}
	writeJSON(w, http.StatusOK, detailToJSON(receiver.ID().String(), detail))
}

// apiRun runs a task and answers when it has ended, with the task as it is then.
func (e *statusExtension) apiRun(w http.ResponseWriter, r *http.Request) {
	if err := e.runNow(r); err != nil {
		code := http.StatusInternalServerError
		switch {
		case errors.Is(err, status.ErrNoTask):
			code = http.StatusNotFound
		case errors.Is(err, status.ErrBusy):
			code = http.StatusConflict
		}
		writeError(w, code, err)
		return
	}
	e.apiTask(w, r)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // who asked has gone
}

func writeError(w http.ResponseWriter, code int, err error) {
	writeJSON(w, code, map[string]string{"error": err.Error()})
}
