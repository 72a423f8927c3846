package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sources are the data bases that dashboards ask, by Grafana's name of its plugin: each has a folder in deploy/grafana.
var sources = []string{"prometheus", "influxdb"}

// dashboard is what the tests read of a file of deploy/grafana.
type dashboard struct {
	source, name string

	UID, Title, Description string
	SchemaVersion           int
	Templating              struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage // a text, or an object with the text in its "query"
		}
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		Datasource               datasource
		GridPos                  struct{ X, Y, W, H int }
		FieldConfig              struct {
			Defaults  struct{ Unit string }
			Overrides []struct {
				Properties []struct{ Value []struct{ URL string } }
			}
		}
		Targets []struct {
			RefID       string
			Datasource  datasource
			Expr, Query string // of Prometheus, of InfluxDB
		}
	}
}

type datasource struct{ UID, Type string }

// dashboards reads the files of a source, in the order in which a reader goes through them.
func dashboards(t *testing.T, source string) []dashboard {
	t.Helper()
	names := []string{"fleet", "device", "plugin"}
	files, err := filepath.Glob("../../deploy/grafana/" + source + "/*")
	require.NoError(t, err)
	require.Len(t, files, len(names), "a file that no test reads")
	var all []dashboard
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("../../deploy/grafana", source, name+".json"))
		require.NoError(t, err)
		d := dashboard{source: source, name: name}
		require.NoError(t, json.Unmarshal(text, &d), "%s of %s", name, source)
		all = append(all, d)
	}
	return all
}

// query is one query of a dashboard, of a panel or (with the panel's title empty) of a variable.
type query struct {
	dashboard, panel, variable string
	// expr has Grafana's variables in it, see expand.
	expr string
}

func queries(t *testing.T, source string) []query {
	t.Helper()
	var all []query
	for _, d := range dashboards(t, source) {
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			q := query{dashboard: d.name, variable: v.Name}
			if json.Unmarshal(v.Query, &q.expr) != nil {
				var object struct{ Query string }
				require.NoError(t, json.Unmarshal(v.Query, &object), "variable %s of %s", v.Name, d.name)
				q.expr = object.Query
			}
			all = append(all, q)
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, query{dashboard: d.name, panel: p.Title, expr: target.Expr + target.Query})
			}
		}
	}
	return all
}

// expand puts values in the place of a query's variables, longest names first, as Grafana does. Names are without "$".
func expand(expr string, values map[string]string) string {
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

func TestExpand(t *testing.T) {
	values := map[string]string{"job": "a", "jobs": "b", "metric": ".*"}
	assert.Equal(t, `x{j="a", k="b", m=~".*"} $other`, expand(`x{j="$job", k="${jobs}", m=~"${metric:regex}"} $other`, values))
}

// What a reader, and Grafana 9 or later, expect of a dashboard.
func TestDashboardForm(t *testing.T) {
	for _, source := range sources {
		for _, d := range dashboards(t, source) {
			t.Run(d.name+" of "+source, func(t *testing.T) {
				// An import replaces the dashboard that has the uid, and links name it: it never changes.
				assert.Equal(t, fmt.Sprintf("panoptes-%s-%s", d.name, source), d.UID)
				assert.LessOrEqual(t, len(d.UID), 40)
				assert.NotEmpty(t, d.Title)
				assert.NotEmpty(t, d.Description)
				assert.Equal(t, 36, d.SchemaVersion, "that of Grafana 9.0: later versions bring a dashboard up to date when they load it")
				assert.Equal(t, "datasource", d.Templating.List[0].Name)
				assert.JSONEq(t, `"`+source+`"`, string(d.Templating.List[0].Query))
				chosen := datasource{UID: "${datasource}", Type: source}
				ids, titles, taken := map[int]bool{}, map[string]bool{}, map[[2]int]bool{}
				for _, p := range d.Panels {
					assert.NotEmpty(t, p.Title)
					assert.False(t, ids[p.ID] || titles[p.Title], "panel %q is there twice", p.Title)
					ids[p.ID], titles[p.Title] = true, true
					for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
						for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
							assert.False(t, x >= 24 || taken[[2]int{x, y}], "panel %q lies on another or outside", p.Title)
							taken[[2]int{x, y}] = true
						}
					}
					if p.Type == "row" {
						continue
					}
					assert.Greater(t, len(p.Description), 20, p.Title)
					assert.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
					assert.Equal(t, chosen, p.Datasource, p.Title)
					assert.NotEmpty(t, p.Targets, p.Title)
					refs := map[string]bool{}
					for _, target := range p.Targets {
						assert.Equal(t, chosen, target.Datasource, p.Title)
						assert.NotEmpty(t, target.Expr+target.Query, p.Title)
						assert.False(t, refs[target.RefID], "panel %q has two queries %s", p.Title, target.RefID)
						refs[target.RefID] = true
					}
				}
			})
		}
	}
}

// A link leads to a dashboard that there is, and sets variables that it has.
func TestDashboardLinks(t *testing.T) {
	form := regexp.MustCompile(`^/d/([a-z-]+)\?\$\{__url_time_range\}&\$\{datasource:queryparam\}(&var-.*)$`)
	for _, source := range sources {
		all := dashboards(t, source)
		variables := map[string][]string{}
		for _, d := range all {
			for _, v := range d.Templating.List {
				variables[d.UID] = append(variables[d.UID], v.Name)
			}
		}
		for _, d := range all {
			found := 0
			for _, p := range d.Panels {
				for _, o := range p.FieldConfig.Overrides {
					url := o.Properties[0].Value[0].URL
					m := form.FindStringSubmatch(url)
					require.NotNil(t, m, url)
					require.Contains(t, variables, m[1], url)
					for set := range strings.SplitSeq(strings.TrimPrefix(m[2], "&"), "&") {
						name, value, _ := strings.Cut(strings.TrimPrefix(set, "var-"), "=")
						assert.Regexp(t, `^\$\{__data\.fields\["[a-z]+"\]:percentencode\}$`, value)
						assert.Contains(t, variables[m[1]], name, url)
					}
					found++
				}
			}
			assert.Equal(t, found > 0, d.name != "plugin" || source == "prometheus", "%s has %d links", d.UID, found)
		}
	}
}

// Each metric of this project that a query or an alert names is one that the project has.
func TestNamesOfMetricsInQueries(t *testing.T) {
	known := map[string]bool{}
	pages, err := filepath.Glob("../../*/*/documentation.md")
	require.NoError(t, err)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^### otelcol_(\w+)$`).FindAllStringSubmatch(string(text), -1) {
			known[m[1]] = true
		}
	}
	require.Greater(t, len(known), 30)
	name := regexp.MustCompile(`otelcol_(panoptes_\w+)|"(panoptes_\w+?)(?:__gauge|__counter)"`)
	check := func(text, where string) int {
		all := name.FindAllStringSubmatch(text, -1)
		for _, m := range all {
			n := m[1] + m[2]
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				n = strings.TrimSuffix(n, suffix)
			}
			assert.True(t, known[n], "%s: there is no metric otelcol_%s", where, n)
		}
		return len(all)
	}
	for _, source := range sources {
		checked := 0
		for _, q := range queries(t, source) {
			checked += check(q.expr, q.dashboard+": "+q.panel)
		}
		require.Greater(t, checked, 20, source)
	}
	rules, err := os.ReadFile("../../deploy/prometheus/panoptes.rules.yaml")
	require.NoError(t, err)
	require.Greater(t, check(string(rules), "rules"), 15)
}
