package dashboards

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// written is what the tests look at in a dashboard's JSON.
type written struct {
	UID           string
	Title         string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, Query any }
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		Datasource               struct{ UID, Type string }
		GridPos                  struct{ X, Y, W, H int }
		FieldConfig              struct {
			Defaults  struct{ Unit string }
			Overrides []struct {
				Matcher    struct{ Options string }
				Properties []struct {
					Value []struct{ URL string }
				}
			}
		}
		Targets []map[string]any
	}
}

func read(t *testing.T, d *Dashboard) written {
	t.Helper()
	text, err := d.JSON()
	require.NoError(t, err)
	var w written
	require.NoError(t, json.Unmarshal(text, &w))
	return w
}

func TestFilesAreUpToDate(t *testing.T) {
	files, err := filepath.Glob("../../deploy/grafana/*/*.json")
	require.NoError(t, err)
	assert.Len(t, files, len(All()), "a file that no dashboard has")
	for _, d := range All() {
		want, err := d.JSON()
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("../../deploy/grafana", string(d.Source), d.Name+".json"))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "run make generate")
	}
}

// What a reader, and Grafana 9 or later, expect of a dashboard.
func TestForm(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range All() {
		t.Run(d.UID(), func(t *testing.T) {
			w := read(t, &d)
			assert.False(t, uids[w.UID], "two dashboards of one uid")
			uids[w.UID] = true
			assert.LessOrEqual(t, len(w.UID), 40)
			assert.Equal(t, 36, w.SchemaVersion)
			assert.NotEmpty(t, d.Description)
			assert.Equal(t, "datasource", w.Templating.List[0].Name)
			assert.Equal(t, string(d.Source), w.Templating.List[0].Query)
			ids, titles, taken := map[int]bool{}, map[string]bool{}, map[[2]int]bool{}
			for _, p := range w.Panels {
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
				assert.Equal(t, "${datasource}", p.Datasource.UID, p.Title)
				assert.NotEmpty(t, p.Targets, p.Title)
			}
		})
	}
}

// A link leads to a dashboard that there is, and sets variables that it has.
func TestLinks(t *testing.T) {
	byUID := map[string]Dashboard{}
	for _, d := range All() {
		byUID[d.UID()] = d
	}
	form := regexp.MustCompile(`^/d/([a-z-]+)\?\$\{__url_time_range\}&\$\{datasource:queryparam\}(&var-.*)$`)
	for _, d := range All() {
		found := 0
		for _, p := range read(t, &d).Panels {
			for _, o := range p.FieldConfig.Overrides {
				url := o.Properties[0].Value[0].URL
				m := form.FindStringSubmatch(url)
				require.NotNil(t, m, url)
				to, ok := byUID[m[1]]
				require.True(t, ok && to.Source == d.Source, url)
				for _, set := range strings.Split(strings.TrimPrefix(m[2], "&"), "&") {
					name, value, _ := strings.Cut(strings.TrimPrefix(set, "var-"), "=")
					assert.Regexp(t, `^\$\{__data\.fields\["[a-z]+"\]:percentencode\}$`, value)
					assert.True(t, slices.ContainsFunc(to.variables, func(v variable) bool { return v.name == name }), "%s has no variable %s", to.UID(), name)
				}
				found++
			}
		}
		assert.Equal(t, found > 0, d.Name != "plugin" || d.Source == Prometheus, "%s has %d links", d.UID(), found)
	}
}

// Each metric of this project that a query or an alert names is one that the project has.
func TestNames(t *testing.T) {
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
	for _, source := range []Source{Prometheus, InfluxDB} {
		checked := 0
		for _, q := range Queries(source) {
			checked += check(q.Expr, q.Dashboard+": "+q.Panel)
		}
		require.Greater(t, checked, 20, source)
	}
	rules, err := os.ReadFile("../../deploy/prometheus/panoptes.rules.yaml")
	require.NoError(t, err)
	require.Greater(t, check(string(rules), "rules"), 15)
}

func TestExpand(t *testing.T) {
	values := map[string]string{"job": "a", "jobs": "b", "metric": ".*"}
	assert.Equal(t, `x{j="a", k="b", m=~".*"} $other`, Expand(`x{j="$job", k="${jobs}", m=~"${metric:regex}"} $other`, values))
}
