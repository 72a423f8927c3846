package panoptesstatusextension

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// items is a list that is never null.
func items[T any](all []T) []T { return append([]T{}, all...) }

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
	detail, err := e.detail(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusNotFound, err)
		return
	}
	writeJSON(w, http.StatusOK, detail)
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
