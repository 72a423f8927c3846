package panoptesstatusextension

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/internal/statusapi"
)

//go:embed web
var web embed.FS

// page is what every template gets.
type page struct {
	Title    string
	Path     string
	Version  string
	Now      time.Time
	Overview statusapi.Overview
	Actions  ActionsConfig
	Error    string
	Query    query
	Body     any
}

var stateNames = map[status.State]string{
	status.Failing: "failing", status.BackingOff: "backing off", status.Late: "late", status.Running: "running",
	status.Waiting: "waiting", status.OK: "ok",
}

// stateMarks tell the states apart without colour.
var stateMarks = map[status.State]string{
	status.Failing: "✕", status.BackingOff: "‖", status.Late: "◷", status.Running: "▶", status.Waiting: "○", status.OK: "✓",
}

// templates are parsed at start: a mistake in one ends every test.
var templates = func() map[string]*template.Template {
	functions := template.FuncMap{
		"ago": ago, "duration": duration, "stateName": func(s status.State) string { return stateNames[s] },
		"stateMark": func(s status.State) string { return stateMarks[s] },
		"states":    func() []status.State { return status.States },
		"sorts":     func() []string { return sortNames },
		"stamp":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"add":       func(a, b int) int { return a + b },
		"taskURL": func(t *receiverTask) string {
			return "task?" + taskValues(t.Receiver, t.ID()).Encode()
		},
		"thousands": thousands,
		"cell":      func(label string, at, now time.Time) timeCell { return timeCell{label, at, now} },
		"pager":     func(path string, q query, pages int) pageLinks { return pageLinks{path, q, pages} },
	}
	all := map[string]*template.Template{}
	for _, name := range []string{"overview", "tasks", "matrix", "resources", "task"} {
		all[name] = template.Must(template.New("base.html").Funcs(functions).ParseFS(web, "web/base.html", "web/"+name+".html"))
	}
	return all
}()

// timeCell is a cell of a table that shows a time.
type timeCell struct {
	Label   string
	At, Now time.Time
}

// pageLinks are the links between the pages of a list.
type pageLinks struct {
	Path  string
	Query query
	Pages int
}

// ago says how long before now a time was, or after it.
func ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + duration(-d)
	default:
		return duration(d) + " ago"
	}
}

// duration is a time to be read at a glance: two significant parts at the most.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// thousands writes a number with blanks between thousands.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// show writes a page. It is rendered first, so that an error leaves no half page.
func (e *statusExtension) show(w http.ResponseWriter, r *http.Request, code int, name, title string, q query, body any, problem error) {
	p := page{
		Title: title, Path: strings.TrimPrefix(r.URL.Path, "/"), Version: e.version, Now: e.now(), Overview: e.overview(query{}),
		Actions: e.cfg.Actions, Query: q, Body: body,
	}
	if problem != nil {
		p.Error = problem.Error()
	}
	var out bytes.Buffer
	if err := templates[name].Execute(&out, p); err != nil {
		e.set.Logger.Error("A status page cannot be written", zap.String("page", name), zap.Error(err))
		http.Error(w, "the page cannot be written; the Collector's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(out.Bytes()) // who asked may have gone
}

// read reads the query of a page. One that is wrong is shown as an error above an unfiltered list.
func read(values url.Values) (query, int, error) {
	q, err := readQuery(values)
	if err != nil {
		return query{Page: 1, Size: defaultSize}, http.StatusBadRequest, err
	}
	return q, http.StatusOK, nil
}

type overviewBody struct {
	Plugins []receiverPlugin
	Sources []receiverSource
	Worst   []receiverTask
}

func (e *statusExtension) overviewPage(w http.ResponseWriter, r *http.Request) {
	q := query{Page: 1, Size: 10}
	body := overviewBody{Plugins: e.plugins(q), Sources: e.sources(q)}
	for _, t := range e.tasks(q).Rows {
		if t.State == status.Failing || t.State == status.BackingOff {
			body.Worst = append(body.Worst, t)
		}
	}
	e.show(w, r, http.StatusOK, "overview", "Overview", q, body, nil)
}

func (e *statusExtension) tasksPage(w http.ResponseWriter, r *http.Request) {
	q, code, err := read(r.URL.Query())
	e.show(w, r, code, "tasks", "Tasks", q, e.tasks(q), err)
}

func (e *statusExtension) matrixPage(w http.ResponseWriter, r *http.Request) {
	q, code, err := read(r.URL.Query())
	e.show(w, r, code, "matrix", "Matrix", q, e.matrix(q), err)
}

func (e *statusExtension) resourcesPage(w http.ResponseWriter, r *http.Request) {
	q, code, err := read(r.URL.Query())
	e.show(w, r, code, "resources", "Resources", q, e.resources(q), err)
}

type taskBody struct {
	Receiver string
	*status.Detail
	Row    *receiverTask
	Hidden url.Values
	// Ran says that the page follows a run that was asked for.
	Ran bool
}

func (e *statusExtension) taskPage(w http.ResponseWriter, r *http.Request) {
	e.showTask(w, r, http.StatusOK, false, nil)
}

func (e *statusExtension) showTask(w http.ResponseWriter, r *http.Request, code int, ran bool, problem error) {
	receiver, detail, err := e.detail(r.URL.Query())
	if err != nil {
		e.show(w, r, http.StatusNotFound, "task", "No such task", query{}, taskBody{}, errors.Join(problem, err))
		return
	}
	id := receiver.ID().String()
	e.show(w, r, code, "task", detail.Plugin+" · "+detail.Resource.ID, query{}, taskBody{
		Receiver: id, Detail: detail, Row: &receiverTask{id, detail.Task}, Hidden: taskValues(id, detail.ID()), Ran: ran,
	}, problem)
}

// runPage runs a task and shows what came of it.
func (e *statusExtension) runPage(w http.ResponseWriter, r *http.Request) {
	switch err := e.runNow(r); {
	case err == nil:
		e.showTask(w, r, http.StatusOK, true, nil)
	case errors.Is(err, status.ErrBusy):
		e.showTask(w, r, http.StatusConflict, false, err)
	default:
		e.showTask(w, r, http.StatusInternalServerError, false, err)
	}
}

func styleSheet(w http.ResponseWriter, _ *http.Request) {
	asset(w, "web/style.css", "text/css; charset=utf-8")
}

func icon(w http.ResponseWriter, _ *http.Request) { asset(w, "web/icon.svg", "image/svg+xml") }

func asset(w http.ResponseWriter, name, kind string) {
	text, err := web.ReadFile(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write(text)
}
