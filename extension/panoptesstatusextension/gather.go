package panoptesstatusextension

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// taskPage is one page of a list of tasks.
type taskPage struct {
	Query query
	Rows  []status.Task
	// Total is how many tasks the query takes, Pages how many pages that makes.
	Total, Pages int
	// States counts them by state, whatever state the query asks for.
	States map[status.State]int
}

// tasks looks through all tasks: 100,000 of them in a few dozen milliseconds.
func (e *statusExtension) tasks(q query) taskPage {
	page := taskPage{Query: q, States: map[status.State]int{}}
	anyState := q.With("state", "")
	first := firstRows{query: &q, most: q.Page * q.Size}
	for _, r := range e.asked(q) {
		id := r.ID().String()
		r.Tasks(func(t *status.Task) bool {
			if anyState.takes(t) {
				page.States[t.State]++
				if q.State == "" || string(t.State) == q.State {
					page.Total++
					first.add(id, t)
				}
			}
			return true
		})
	}
	first.cut()
	var from, to int
	from, to, page.Pages = q.cut(page.Total)
	for _, row := range first.rows[from:to] { // copied, so that the rest can go
		page.Rows = append(page.Rows, *row)
	}
	return page
}

// firstRows keeps the first rows of an order, without keeping all of them: a page is what is asked for, and tasks are
// large to sort.
type firstRows struct {
	query *query
	most  int
	rows  []*status.Task
	// full says that rows were cut: what comes behind the last one of these need not be looked at.
	full bool
	last status.Task
}

func (f *firstRows) add(receiver string, t *status.Task) {
	if f.full && f.query.compare(t, &f.last) > 0 {
		return
	}
	row := *t
	row.Of(receiver)
	f.rows = append(f.rows, &row)
	if len(f.rows) >= 2*f.most+1024 {
		f.cut()
	}
}

func (f *firstRows) cut() {
	slices.SortFunc(f.rows, func(a, b *status.Task) int {
		return cmp.Or(f.query.compare(a, b), strings.Compare(a.Receiver, b.Receiver))
	})
	if len(f.rows) > f.most {
		f.rows = f.rows[:f.most]
		f.full, f.last = true, *f.rows[f.most-1]
	}
}

// asked returns the receivers that a query is about.
func (e *statusExtension) asked(q query) []status.Receiver {
	if q.Receiver == "" {
		return e.all()
	}
	return slices.DeleteFunc(e.all(), func(r status.Receiver) bool { return r.ID().String() != q.Receiver })
}

// pluginList is the plugins that a query takes: all of them, since there are hundreds at the most.
type pluginList struct {
	Query query
	Rows  []status.Plugin
}

func (e *statusExtension) plugins(q query) pluginList {
	list := pluginList{Query: q}
	for _, r := range e.asked(q) {
		failing := map[string]int{}
		r.Tasks(func(t *status.Task) bool {
			if t.State == status.Failing || t.State == status.BackingOff {
				failing[t.Plugin]++
			}
			return true
		})
		for _, p := range r.Plugins() {
			if q.takesPlugin(&p) {
				p.Receiver = r.ID().String()
				if p.HasGood() {
					p.Failing = failing[p.Name]
				}
				list.Rows = append(list.Rows, p)
			}
		}
	}
	slices.SortFunc(list.Rows, func(a, b status.Plugin) int { return q.comparePlugins(&a, &b) })
	return list
}

// pluginNames are the names of all plugins.
func (e *statusExtension) pluginNames() (names []string) {
	for _, r := range e.all() {
		for _, p := range r.Plugins() {
			if p.Name != "" {
				names = append(names, p.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// warnings are those of receivers, and the plugins' transforms that match nothing.
func (e *statusExtension) warnings(q query) (all []status.Warning) {
	for _, r := range e.asked(q) {
		found := r.Warnings()
		for _, p := range r.Plugins() {
			if !p.HasGood() {
				continue
			}
			for _, l := range e.stageLinks(status.LinkTransforms, p.Name) {
				if l.Holds == status.No {
					found = append(found, status.Warning{Plugin: p.Name, Said: fmt.Sprintf("plugin %q: %s: %s", p.Name, l.Name, l.Said), Next: l.Next})
				}
			}
		}
		for _, w := range found {
			w.Receiver = r.ID().String()
			all = append(all, w)
		}
	}
	return all
}

func (e *statusExtension) sources(q query) []status.Source {
	var all []status.Source
	for _, r := range e.asked(q) {
		for _, s := range r.Sources() {
			all = append(all, status.Source{Receiver: r.ID().String(), SourceStatus: s})
		}
	}
	return all
}

// resourcePage is one page of a list of resources.
type resourcePage struct {
	Query        query
	Rows         []status.Resource
	Total, Pages int
}

func (e *statusExtension) resources(q query) resourcePage {
	page := resourcePage{Query: q}
	var rows []status.Resource
	for _, r := range e.asked(q) {
		id := r.ID().String()
		for _, entry := range r.Resources() {
			if q.takesResource(&entry) {
				rows = append(rows, status.ResourceOf(id, entry))
			}
		}
	}
	page.Total = len(rows)
	var from, to int
	from, to, page.Pages = q.cut(len(rows))
	page.Rows = rows[from:to]
	return page
}

// matrix is plugins by resources.
type matrix struct {
	resourcePage
	Plugins []string
	// Cells has the tasks of a row by plugin; nil where the plugin does not run against the resource.
	Cells []map[string]*status.Task
}

// stateCount is how many tasks of a resource are in a state.
type stateCount struct {
	State status.State
	Count int
}

// StatesOf counts the tasks of a row by state, the most urgent first.
func (m matrix) StatesOf(row int) (counts []stateCount) {
	n := map[status.State]int{}
	for _, t := range m.Cells[row] {
		n[t.State]++
	}
	for _, s := range status.States {
		if n[s] > 0 {
			counts = append(counts, stateCount{s, n[s]})
		}
	}
	return counts
}

// matrix finds the tasks of a page of resources.
func (e *statusExtension) matrix(q query) matrix {
	m := matrix{resourcePage: e.resources(q)}
	type key struct {
		receiver string
		id       pluginsdk.Identity
	}
	rows := map[key]int{}
	for i, row := range m.Rows {
		rows[key{row.Receiver, row.Resource.Identity()}] = i
		m.Cells = append(m.Cells, map[string]*status.Task{})
	}
	for _, r := range e.asked(q) {
		id := r.ID().String()
		r.Tasks(func(t *status.Task) bool {
			i, ok := rows[key{id, t.Resource.Identity()}]
			if ok && (q.Plugin == "" || q.Plugin == t.Plugin) {
				cell := *t
				cell.Of(id)
				m.Cells[i][t.Plugin] = &cell
				if !slices.Contains(m.Plugins, t.Plugin) {
					m.Plugins = append(m.Plugins, t.Plugin)
				}
			}
			return true
		})
	}
	slices.Sort(m.Plugins)
	return m
}
