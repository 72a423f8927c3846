package panoptesstatusextension

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// handler serves pages and the API. addr is where it listens.
func (e *statusExtension) handler(addr net.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", e.overviewPage)
	mux.HandleFunc("GET /plugins", e.pluginsPage)
	mux.HandleFunc("GET /tasks", e.tasksPage)
	mux.HandleFunc("GET /matrix", e.matrixPage)
	mux.HandleFunc("GET /resources", e.resourcesPage)
	mux.HandleFunc("GET /task", e.taskPage)
	mux.HandleFunc("GET /members", e.membersPage)
	mux.HandleFunc("GET /style.css", styleSheet)
	mux.HandleFunc("GET /icon.svg", icon)
	mux.HandleFunc("GET /api/v1/overview", e.api("", func(q query) any { return e.overview(q) }))
	mux.HandleFunc("GET /api/v1/plugins", e.api("plugins", func(q query) any { return items(e.plugins(q).Rows) }))
	mux.HandleFunc("GET /api/v1/sources", e.api("", func(q query) any { return items(e.sources(q)) }))
	mux.HandleFunc("GET /api/v1/resources", e.api("resources", func(q query) any {
		p := e.resources(q)
		return status.Page[status.Resource]{Total: p.Total, Page: q.Page, Pages: p.Pages, Items: items(p.Rows)}
	}))
	mux.HandleFunc("GET /api/v1/tasks", e.api("tasks", func(q query) any {
		p := e.tasks(q)
		return status.Page[status.Task]{Total: p.Total, Page: q.Page, Pages: p.Pages, Items: items(p.Rows)}
	}))
	mux.HandleFunc("GET /api/v1/task", e.apiTask)
	mux.HandleFunc("GET /enrichment", e.enrichmentPage)
	mux.HandleFunc("GET /api/v1/enrichment", e.apiEnrichment)
	mux.HandleFunc("GET /api/v1/explain", e.apiExplain)
	if e.cfg.Actions.RunNow {
		mux.HandleFunc("POST /run", e.runPage)
		mux.HandleFunc("POST /api/v1/run", e.apiRun)
	}
	// A page of somebody else's must not make a browser run plugins.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return headers(onlyHere(addr, guarded))
}

// headers keeps a browser from doing anything with the pages but show them.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// onlyHere refuses, where only this machine can connect, names that are not this machine's: a web page from elsewhere
// can let its own name mean 127.0.0.1, and would be let to read what comes from there.
func onlyHere(addr net.Addr, next http.Handler) http.Handler {
	if !loopback(addr) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
			http.Error(w, "this server answers to localhost, 127.0.0.1 and [::1] only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// challenged lets a browser ask its user for a name and a password where basic authentication wants them: the
// authenticator says no more than that they are missing.
func challenged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&challenger{ResponseWriter: w}, r)
	})
}

type challenger struct{ http.ResponseWriter }

func (c *challenger) WriteHeader(code int) {
	if code == http.StatusUnauthorized && c.Header().Get("WWW-Authenticate") == "" {
		c.Header().Set("WWW-Authenticate", `Basic realm="Panoptes", charset="UTF-8"`)
	}
	c.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (c *challenger) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// taskOf reads which task is meant.
func taskOf(v url.Values) status.TaskID {
	return status.TaskID{
		Plugin: v.Get("plugin"),
		Resource: pluginsdk.Identity{
			Site: v.Get("site"), Class: v.Get("class"), Subclass: v.Get("subclass"), Type: v.Get("type"), ID: v.Get("id"),
		},
	}
}

// taskValues is the way back.
func taskValues(receiver string, id status.TaskID) url.Values {
	r := id.Resource
	return url.Values{
		"receiver": {receiver}, "plugin": {id.Plugin}, "site": {r.Site}, "class": {r.Class}, "subclass": {r.Subclass},
		"type": {r.Type}, "id": {r.ID},
	}
}

// detail finds the task that is meant.
func (e *statusExtension) detail(v url.Values) (*status.Detail, error) {
	r, ok := e.receiver(v.Get("receiver"))
	if !ok {
		return nil, status.ErrNoTask
	}
	d, err := r.Detail(taskOf(v))
	if err != nil {
		return nil, err
	}
	d.Of(r.ID().String())
	if d.Entry != nil {
		d.Entry.Receiver = d.Receiver
	}
	if !e.cfg.Actions.LastOutput {
		d.Output = nil
	}
	return d, nil
}

// runNow runs the task that a form names.
func (e *statusExtension) runNow(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	receiver, ok := e.receiver(r.Form.Get("receiver"))
	if !ok {
		return status.ErrNoTask
	}
	r.URL.RawQuery = r.Form.Encode() // what is shown next is the same task
	err := receiver.RunNow(r.Context(), taskOf(r.Form))
	e.telemetry.PanoptesStatusRunsRequested.Add(context.WithoutCancel(r.Context()), 1,
		metric.WithAttributeSet(attribute.NewSet(attribute.String("result", resultOf(err)))))
	return err
}

// resultOf names what came of a request to run a task.
func resultOf(err error) string {
	switch {
	case err == nil:
		return "ended"
	case errors.Is(err, status.ErrBusy):
		return "busy"
	case errors.Is(err, status.ErrNoTask):
		return "no_task"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "given_up"
	}
	return "failed"
}

// overview counts everything.
func (e *statusExtension) overview(q query) status.Overview {
	o := status.Overview{Version: e.version, Receivers: []string{}, States: map[status.State]int{}, Places: []status.Places{}, Warnings: items(e.warnings(q))}
	for _, r := range e.asked(q) {
		o.Receivers = append(o.Receivers, r.ID().String())
		r.Tasks(func(t *status.Task) bool {
			o.Tasks++
			o.States[t.State]++
			return true
		})
		for _, p := range r.Places() {
			p.Receiver = r.ID().String()
			o.Places = append(o.Places, p)
		}
		plugins, resources := r.Counts()
		o.Plugins += plugins
		o.Resources += resources
	}
	return o
}
