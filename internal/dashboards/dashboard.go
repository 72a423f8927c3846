package dashboards

import (
	"fmt"
	"slices"
	"strings"
)

// Source is the kind of data base that a dashboard asks, by Grafana's name of its plugin.
type Source string

// The data bases.
const (
	Prometheus Source = "prometheus"
	InfluxDB   Source = "influxdb"
)

// Dashboard is one page of Grafana.
type Dashboard struct {
	Source      Source
	Name        string // of its file, and of the dashboard for links
	Title       string
	Description string
	variables   []variable
	rows        []row
}

// variable is chosen above the panels; query gives what there is to choose from.
type variable struct {
	name, label, query string
	// many lets the reader choose several values, or all.
	many bool
}

// row is a headline and the panels under it.
type row struct {
	title  string
	panels []panel
}

type kind string

const (
	stat       kind = "stat"
	timeseries kind = "timeseries"
	table      kind = "table"
)

// panel is one picture. Every panel has a title, a description that says what to make of it, and a unit of Grafana's.
type panel struct {
	kind               kind
	title, description string
	unit               string
	width              int // of 24
	// warn and bad are where a value turns yellow and red; none where both are 0.
	warn, bad float64
	stacked   bool
	// states has values of Panoptes' polling status, which are shown by their names.
	states  bool
	targets []target
	links   []link
	// hide are columns of a table that say nothing.
	hide []string
}

// target is one query of a panel.
type target struct {
	expr, legend string
	// once asks for the newest values alone.
	once bool
}

// link leads from a column of a table to another dashboard, whose variables it sets: "name=column" each.
type link struct {
	column, dashboard string
	variables         []string
}

// All are the dashboards, in the order in which a reader goes through them.
func All() []Dashboard {
	return []Dashboard{
		prometheusFleet(), prometheusDevice(), prometheusPlugin(),
		influxFleet(), influxDevice(), influxPlugin(),
	}
}

// UID identifies a dashboard in Grafana, and never changes: an import replaces the dashboard of before.
func (d *Dashboard) UID() string { return uid(d.Source, d.Name) }

func uid(source Source, name string) string { return fmt.Sprintf("panoptes-%s-%s", name, source) }

// Query is one query of a dashboard, of a panel or (with the panel's name empty) of a variable.
type Query struct {
	Dashboard, Panel, Variable string
	// Expr has Grafana's variables in it, see Expand.
	Expr string
}

// Queries are all queries of a source's dashboards.
func Queries(source Source) []Query {
	var all []Query
	for _, d := range All() {
		if d.Source != source {
			continue
		}
		for _, v := range d.variables {
			all = append(all, Query{Dashboard: d.Name, Variable: v.name, Expr: v.query})
		}
		for _, r := range d.rows {
			for _, p := range r.panels {
				for _, t := range p.targets {
					all = append(all, Query{Dashboard: d.Name, Panel: p.title, Expr: t.expr})
				}
			}
		}
	}
	return all
}

// Expand puts values in the place of a query's variables, longest names first, as Grafana does. Names are without "$".
func Expand(expr string, values map[string]string) string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	for _, name := range names {
		expr = strings.NewReplacer("${"+name+":regex}", values[name], "${"+name+"}", values[name], "$"+name, values[name]).Replace(expr)
	}
	return expr
}
