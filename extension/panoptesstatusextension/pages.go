package panoptesstatusextension

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

//go:embed web
var web embed.FS

// page is what every template gets.
type page struct {
	Title   string
	Path    string
	Version string
	Now     time.Time
	// Receivers is how many there are: with one, it need not be named.
	Receivers int
	Actions   ActionsConfig
	Error     string
	Query     query
	Body      any

	extension *statusExtension
}

// Plugins are the names that a list can be narrowed down to.
func (p page) Plugins() []string { return p.extension.pluginNames() }

// Refresh is the link that turns the page's loading by itself on or off; "" where it has none.
func (p page) Refresh() string {
	if !slices.Contains([]string{"", "plugins", "tasks", "matrix", "resources"}, p.Path) {
		return ""
	}
	q := p.Query.Refreshed(defaultRefresh)
	if p.Query.Refresh > 0 {
		q = p.Query.Refreshed(0)
	}
	return cmp.Or(p.Path, ".") + q.Encode()
}

// templates are parsed at start: a mistake in one ends every test.
var templates = func() map[string]*template.Template {
	functions := template.FuncMap{
		"ago": ago, "due": due, "duration": func(seconds float64) string {
			return duration(time.Duration(math.Round(seconds * float64(time.Second))))
		}, "seconds": seconds, "bytes": byteCount, "cause": cause, "indented": indented, "named": named, "stateName": func(s status.State) string { return stateNames[s] },
		"stateMark": func(s status.State) string { return stateMarks[s] },
		"states":    func() []status.State { return status.States },
		"orders":    func(path string) []string { return orderKeys(path) },
		"orderName": func(key string) string { return orderNames[key] },
		"stamp":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":     func(t time.Time) string { return t.UTC().Format("15:04:05.000") },
		"add":       func(a, b int) int { return a + b },
		"taskURL": func(t *status.Task) string {
			return "task?" + taskValues(t.Receiver, t.TaskID()).Encode()
		},
		"resourceURL": func(path, receiver string, r *pluginsdk.Resource) string {
			return path + query{Receiver: receiver, Filter: onlyFilter(r), Page: 1, Size: defaultSize}.Encode()
		},
		"failureURL": func(p *status.Plugin) string {
			return "task?" + taskValues(p.Receiver, status.TaskID{Plugin: p.Name, Resource: pluginsdk.Identity(p.LastFailure.FailedOn)}).Encode()
		},
		"base": filepath.Base, "plural": counted,
		"number": thousands[int], "number64": thousands[int64],
		"sorter": func(q query, path, key, label string) sorter { return sorter{q, path, key, label} },
		"cell":   func(label string, at, now time.Time) timeCell { return timeCell{label, at, now} },
		"pager":  func(path string, q query, pages int) pageLinks { return pageLinks{path, q, pages} },
	}
	all := map[string]*template.Template{}
	for _, name := range []string{"overview", "plugins", "tasks", "matrix", "resources", "task", "members", "enrichment"} {
		all[name] = template.Must(template.New("base.html").Funcs(functions).ParseFS(web, "web/base.html", "web/"+name+".html"))
	}
	return all
}()

// timeCell is a cell of a table that shows a time.
type timeCell struct {
	Label   string
	At, Now time.Time
}

// sorter is the heading of a column that the list can be ordered by.
type sorter struct {
	Query            query
	Path, Key, Label string
}

// Is says whether the list is ordered by the column.
func (s sorter) Is() bool { return s.Query.Order(s.Path) == s.Key }

// pageLinks are the links between the pages of a list.
type pageLinks struct {
	Path  string
	Query query
	Pages int
}

// show writes a page. It is rendered first, so that an error leaves no half page.
func (e *statusExtension) show(w http.ResponseWriter, r *http.Request, code int, name, title string, q query, body any, problem error) {
	p := page{
		Title: title, Path: strings.TrimPrefix(r.URL.Path, "/"), Version: e.version, Now: e.now(), Receivers: len(e.all()),
		Actions: e.cfg.Actions, Query: q, Body: body, extension: e,
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
func read(path string, values url.Values) (query, int, error) {
	q, err := readQuery(path, values)
	if err != nil {
		return query{Page: 1, Size: defaultSize}, http.StatusBadRequest, err
	}
	return q, http.StatusOK, nil
}

type overviewBody struct {
	Overview status.Overview
	Sources  []status.Source
	// Broken are the plugins that do not run as their files say, Failing the tasks that fail, by plugin and cause.
	Broken  []status.Plugin
	Failing []failingTasks
}

func (e *statusExtension) overviewPage(w http.ResponseWriter, r *http.Request) {
	q, code, err := read("", r.URL.Query())
	q = query{Page: 1, Size: defaultSize, Refresh: q.Refresh}
	body := overviewBody{Overview: e.overview(q), Sources: e.sources(q), Failing: e.failing(q)}
	for _, p := range e.plugins(q).Rows {
		if p.Error != "" {
			body.Broken = append(body.Broken, p)
		}
	}
	e.show(w, r, code, "overview", "Overview", q, body, err)
}

func (e *statusExtension) pluginsPage(w http.ResponseWriter, r *http.Request) {
	q, code, err := read("plugins", r.URL.Query())
	e.show(w, r, code, "plugins", "Plugins", q, e.plugins(q), err)
}

type tasksBody struct {
	taskPage
	// Plugin is the one that the list is narrowed down to.
	Plugin []status.Plugin
	// Chains say why it runs, or why it does not.
	Chains []status.Chain
}

func (e *statusExtension) tasksPage(w http.ResponseWriter, r *http.Request) {
	q, code, err := read("tasks", r.URL.Query())
	body := tasksBody{taskPage: e.tasks(q)}
	if q.Plugin != "" {
		body.Plugin = e.plugins(query{Receiver: q.Receiver, Plugin: q.Plugin}).Rows
		body.Chains = e.lastChains(q)
	}
	e.show(w, r, code, "tasks", "Tasks", q, body, err)
}

func (e *statusExtension) matrixPage(w http.ResponseWriter, r *http.Request) {
	q, code, err := read("matrix", r.URL.Query())
	e.show(w, r, code, "matrix", "Matrix", q, e.matrix(q), err)
}

func (e *statusExtension) resourcesPage(w http.ResponseWriter, r *http.Request) {
	q, code, err := read("resources", r.URL.Query())
	e.show(w, r, code, "resources", "Resources", q, e.matrix(q), err)
}

type taskBody struct {
	*status.Detail
	Hidden url.Values
	// Command runs the task by hand, "" where its plugin is gone or the command does not have it.
	Command string
	// Ran says that the page follows a run that was asked for, just now.
	Ran bool
}

func (e *statusExtension) taskPage(w http.ResponseWriter, r *http.Request) {
	e.showTask(w, r, http.StatusOK, nil)
}

func (e *statusExtension) showTask(w http.ResponseWriter, r *http.Request, code int, problem error) {
	detail, err := e.detail(r.URL.Query())
	if err != nil {
		e.show(w, r, http.StatusNotFound, "task", "No such task", query{}, taskBody{}, errors.Join(problem, err))
		return
	}
	command := ""
	for _, p := range e.plugins(query{Receiver: detail.Receiver, Plugin: detail.Plugin}).Rows {
		if receiver, ok := e.receiver(detail.Receiver); ok && p.HasGood() && p.Runtime != compiled {
			command = e.byHand(receiver, &p, detail.Resource)
		}
	}
	e.show(w, r, code, "task", detail.Plugin+" · "+named(detail.Resource), query{}, taskBody{
		Detail: detail, Command: command, Hidden: taskValues(detail.Receiver, detail.TaskID()),
		Ran: r.URL.Query().Has(ranParameter) && e.now().Sub(detail.LastStart) < ranFor,
	}, problem)
}

// ranParameter is in the address of the page that follows a run that was asked for, which says so for ranFor.
const (
	ranParameter = "ran"
	ranFor       = time.Minute
)

// runPage runs a task, and leads to the page of the task, so that loading it again does not run it again.
func (e *statusExtension) runPage(w http.ResponseWriter, r *http.Request) {
	switch err := e.runNow(r); {
	case err == nil:
		values := taskValues(r.Form.Get("receiver"), taskOf(r.Form))
		values.Set(ranParameter, "1")
		http.Redirect(w, r, "task?"+values.Encode(), http.StatusSeeOther)
	case errors.Is(err, status.ErrBusy):
		e.showTask(w, r, http.StatusConflict, err)
	default:
		e.showTask(w, r, http.StatusInternalServerError, err)
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
