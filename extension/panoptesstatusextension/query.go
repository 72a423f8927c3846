package panoptesstatusextension

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Sizes of pages, and how often they are loaded again.
const (
	defaultSize = 50
	maxSize     = 1000
	maxPage     = 1_000_000

	minRefresh     = 5 // seconds
	defaultRefresh = 30
	maxRefresh     = 3600
)

// query is what a list of tasks or resources is narrowed down to. It comes from a URL, and goes back into one.
type query struct {
	// Receiver is the id of a receiver; "" means all.
	Receiver string
	// Plugin is a plugin's name, State a task's state.
	Plugin, State string
	// Text is looked for in plugin, site, id and endpoint, without case.
	Text string
	// Filter is a resource filter.
	Filter string
	// Sort is a key of the list's orders.
	Sort string
	// Page is from 1, Size how many rows it has.
	Page, Size int
	// Refresh is after how many seconds a browser loads the page again; 0 means never.
	Refresh int

	filter *filter.Filter
}

// readQuery reads the query of a list: plugins, tasks, resources or matrix. The error names the parameter that is wrong.
func readQuery(list string, values url.Values) (query, error) {
	q := query{
		Receiver: values.Get("receiver"), Plugin: values.Get("plugin"), State: values.Get("state"),
		Text: strings.TrimSpace(values.Get("q")), Filter: strings.TrimSpace(values.Get("filter")),
		Sort: values.Get("sort"), Page: 1, Size: defaultSize,
	}
	if q.State != "" && !slices.Contains(status.States, status.State(q.State)) {
		return q, fmt.Errorf("state: unknown state %q, expected one of %q", q.State, status.States)
	}
	if keys := orderKeys(list); q.Sort != "" && !slices.Contains(keys, q.Sort) {
		if keys == nil {
			return q, fmt.Errorf("sort: unknown order %q, this list has one alone: leave sort out", q.Sort)
		}
		return q, fmt.Errorf("sort: unknown order %q, expected one of %q", q.Sort, keys)
	}
	for name, n := range map[string]*int{"page": &q.Page, "size": &q.Size, "refresh": &q.Refresh} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		v, err := strconv.Atoi(text)
		if err != nil || v < 1 {
			return q, fmt.Errorf("%s: %q is no number from 1 on", name, text)
		}
		*n = v
	}
	q.Size, q.Page = min(q.Size, maxSize), min(q.Page, maxPage)
	if q.Refresh > 0 {
		q.Refresh = min(max(q.Refresh, minRefresh), maxRefresh)
	}
	if q.Filter != "" {
		f, err := filter.Parse(q.Filter)
		if err != nil {
			return q, fmt.Errorf("filter: %w", err)
		}
		q.filter = f
	}
	return q, nil
}

// Values are the parameters of the query, without those that are as by default.
func (q query) Values() url.Values {
	v := url.Values{}
	for name, text := range map[string]string{
		"receiver": q.Receiver, "plugin": q.Plugin, "state": q.State, "q": q.Text, "filter": q.Filter, "sort": q.Sort,
	} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	if q.Size != defaultSize {
		v.Set("size", strconv.Itoa(q.Size))
	}
	if q.Refresh > 0 {
		v.Set("refresh", strconv.Itoa(q.Refresh))
	}
	return v
}

// Encode is the query as a part of a URL, from the question mark on; "" where all is as by default.
func (q query) Encode() string {
	if v := q.Values(); len(v) > 0 {
		return "?" + v.Encode()
	}
	return ""
}

// With returns the query with one parameter changed, from its first page on.
func (q query) With(name, value string) query {
	q.Page = 1
	switch name {
	case "receiver":
		q.Receiver = value
	case "plugin":
		q.Plugin = value
	case "state":
		q.State = value
	case "q":
		q.Text = value
	case "filter":
		q.Filter = value
	case "sort":
		q.Sort = value
	}
	return q
}

// At returns the query with another page.
func (q query) At(page int) query {
	q.Page = page
	return q
}

// Refreshed returns the query of a page that is loaded again after so many seconds.
func (q query) Refreshed(seconds int) query {
	q.Refresh = seconds
	return q
}

// takes says whether a task is asked for.
func (q *query) takes(t *status.Task) bool {
	return (q.Plugin == "" || t.Plugin == q.Plugin) &&
		(q.State == "" || string(t.State) == q.State) &&
		(q.filter == nil || q.filter.Match(t.Resource)) &&
		(q.Text == "" || contains(t.Plugin, q.Text) || q.named(t.Resource))
}

// takesPlugin says whether a plugin is asked for.
func (q *query) takesPlugin(p *status.Plugin) bool {
	return (q.Plugin == "" || q.Plugin == p.Name) && (q.Text == "" || contains(p.Name, q.Text) || contains(p.File, q.Text))
}

// takesResource says whether a resource is asked for.
func (q *query) takesResource(e *store.Entry) bool {
	return (q.filter == nil || q.filter.Match(e.Resource)) && (q.Text == "" || q.named(e.Resource))
}

func (q *query) named(r *pluginsdk.Resource) bool {
	return contains(r.ID, q.Text) || contains(r.Site, q.Text) || contains(r.Endpoint, q.Text)
}

// contains is strings.Contains without case, for ASCII; it makes no garbage, since it may be asked 100,000 times.
func contains(text, part string) bool {
	for i := 0; i+len(part) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

// sorts are the orders of tasks. What is worst comes first; equal ones are ordered by plugin and resource.
var sorts = map[string]func(a, b *status.Task) int{
	"name":     func(*status.Task, *status.Task) int { return 0 },
	"urgency":  func(a, b *status.Task) int { return cmp.Compare(a.State.Rank(), b.State.Rank()) },
	"duration": func(a, b *status.Task) int { return cmp.Compare(b.Duration, a.Duration) },
	"lateness": func(a, b *status.Task) int { return cmp.Compare(b.Lateness, a.Lateness) },
	"points":   func(a, b *status.Task) int { return cmp.Compare(b.Points, a.Points) },
	"bytes":    func(a, b *status.Task) int { return cmp.Compare(b.Bytes, a.Bytes) },
	"start":    func(a, b *status.Task) int { return b.LastStart.Compare(a.LastStart) },
	"next":     func(a, b *status.Task) int { return a.Next.Compare(b.Next) },
}

// taskOrders and pluginOrders are the keys of the orders, as they are offered. The first is the default.
var (
	taskOrders   = []string{"urgency", "name", "duration", "lateness", "points", "bytes", "start", "next"}
	pluginOrders = []string{"name", "tasks", "failing", "runs", "busy", "cpu", "points", "bytes", "series"}
)

// orderKeys are the orders of a list. Resources have one alone, that of their identities.
func orderKeys(list string) []string {
	switch list {
	case "tasks":
		return taskOrders
	case "plugins":
		return pluginOrders
	}
	return nil
}

// Order is the key of the order of a list.
func (q query) Order(list string) string {
	if keys := orderKeys(list); q.Sort == "" && len(keys) > 0 {
		return keys[0]
	}
	return q.Sort
}

// pluginSorts are the orders of plugins, by what costs most; equal ones are ordered by name.
var pluginSorts = map[string]func(p *status.Plugin) float64{
	"tasks":   func(p *status.Plugin) float64 { return float64(p.Tasks) },
	"failing": func(p *status.Plugin) float64 { return float64(p.Failing) },
	"runs":    func(p *status.Plugin) float64 { return float64(p.Runs) },
	"busy":    func(p *status.Plugin) float64 { return p.Busy },
	"cpu":     func(p *status.Plugin) float64 { return p.CPU },
	"points":  func(p *status.Plugin) float64 { return float64(p.Points) },
	"bytes":   func(p *status.Plugin) float64 { return float64(p.Bytes) },
	"series":  func(p *status.Plugin) float64 { return float64(p.Series) },
}

func (q *query) comparePlugins(a, b *status.Plugin) int {
	if cost := pluginSorts[q.Sort]; cost != nil {
		if c := cmp.Compare(cost(b), cost(a)); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File), cmp.Compare(a.Receiver, b.Receiver))
}

func (q *query) compare(a, b *status.Task) int {
	if c := sorts[q.Order("tasks")](a, b); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Plugin, b.Plugin); c != 0 {
		return c
	}
	return compareResources(a.Resource, b.Resource)
}

func compareResources(a, b *pluginsdk.Resource) int {
	if c := cmp.Compare(a.Site, b.Site); c != 0 {
		return c
	}
	if c := cmp.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Subclass, b.Subclass), cmp.Compare(a.Type, b.Type))
}

// cut returns the page's part of n rows, and the number of pages.
func (q *query) cut(n int) (from, to, pages int) {
	pages = max((n+q.Size-1)/q.Size, 1)
	from = min((q.Page-1)*q.Size, n)
	return from, min(from+q.Size, n), pages
}
