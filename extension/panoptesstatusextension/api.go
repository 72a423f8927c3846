package panoptesstatusextension

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/internal/statusapi"
)

func (t *receiverTask) json() statusapi.Task {
	r := t.Resource
	return statusapi.Task{
		Receiver: t.Receiver, Plugin: t.Plugin, Site: r.Site, Class: r.Class, Subclass: r.Subclass, Type: r.Type, ID: r.ID,
		State: t.State, Error: t.Error, LastStart: t.LastStart, Duration: t.Duration.Seconds(), Lateness: t.Lateness.Seconds(),
		Outcome: t.Outcome, Groups: t.Groups, Points: t.Points, Bytes: t.Bytes, Failures: t.Failures, Missed: t.Missed, Next: t.Next,
	}
}

func (r *receiverResource) json() statusapi.Resource {
	out := statusapi.Resource{
		Receiver: r.Receiver, Key: r.Resource.Key(), Since: r.Since, Resource: r.Resource.AppendJSON(nil), Claims: []statusapi.Claim{},
	}
	for _, c := range r.Claims {
		out.Claims = append(out.Claims, statusapi.Claim{Kind: c.Source.Kind.String(), Name: c.Source.Name, Since: c.Since, Expires: c.Expires, TTL: c.TTL.Seconds()})
	}
	return out
}

func (p *receiverPlugin) json() statusapi.Plugin {
	out := statusapi.Plugin{
		Receiver: p.Receiver, Name: p.Name, File: p.File, Type: p.Type, Runtime: p.Runtime, Version: p.Version,
		Interval: p.Interval.Seconds(), Deadline: p.Deadline.Seconds(), Filter: p.Filter, Loaded: p.Loaded, Tasks: p.Tasks,
		Error: p.Error, ErrorSince: p.ErrorSince, Runs: p.Runs, FailedRuns: p.FailedRuns, BusySeconds: p.Busy.Seconds(),
		CPUSeconds: p.CPU.Seconds(), Points: p.Points, Bytes: p.Bytes, Series: p.Series, Failing: p.Failing,
	}
	if f := p.LastFailure; f != nil {
		r := f.Resource
		out.LastFailure = &statusapi.Failure{
			At: f.At, Site: r.Site, Class: r.Class, Subclass: r.Subclass, Type: r.Type, ID: r.ID, Outcome: f.Outcome, Error: f.Error,
		}
	}
	return out
}

func (s *receiverSource) json() statusapi.Source {
	out := statusapi.Source{
		Receiver: s.Receiver, Kind: s.Place.Kind.String(), Name: s.Place.Name, Resources: s.Resources,
		Refreshed: s.Refreshed, Changed: s.Changed, Failed: s.Failed,
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	return out
}

func detailToJSON(receiver string, d *status.Detail) statusapi.Detail {
	out := statusapi.Detail{
		Task: (&receiverTask{receiver, d.Task}).json(), Interval: d.Interval.Seconds(), Error: d.Error, ErrorAt: d.ErrorAt,
	}
	for _, l := range d.Log {
		out.Log = append(out.Log, statusapi.LogLine(l))
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

// api makes a handler of what answers the query of a list.
func (e *statusExtension) api(list string, answer func(q query) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := readQuery(list, r.URL.Query())
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
