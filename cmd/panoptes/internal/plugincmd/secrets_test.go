package plugincmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestNobodySeesSecrets: whatever a secret is, and in whatever form a plugin writes it, neither what plugin run prints for people nor
// its errors nor a recording has it.
func TestNobodySeesSecrets(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	secret, recorded := filepath.Join(f.path, "secrets", "community", "default"), filepath.Join(f.path, "recorded")
	forms := []func(string) string{
		func(s string) string { return s },
		func(s string) string { b, _ := json.Marshal(s); return string(b) },
		url.QueryEscape,
		html.EscapeString,
		func(s string) string { return fmt.Sprintf("%q", s) },
		func(s string) string { return fmt.Sprintf("%x", s) },
	}
	var form func(string) string
	var got string
	tells := func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		var err error
		if got, err = pc.Secrets.Get(ctx, "community", "dc1"); err != nil {
			return nil, err
		}
		text := form(got)
		pc.Logger.Error("cannot log in with "+text, "with", text)
		if pc.Resource.ID == "one" {
			return nil, errors.New("refused: " + text)
		}
		g, err := pc.NewMetricsGroup("t")
		if err != nil {
			return nil, err
		}
		_ = g.AddDimension("d", text) // which may be too odd for one
		return pluginsdk.NewMetricsGroupSet(g), g.AddMetric(pluginsdk.Metric{Name: "m", Value: pluginsdk.Int(1)})
	}
	plugin := f.plugin(t, "tells", "go:tells", `resource_class = "system"`, "password = of the file\n")
	host := Host{GoPlugins: map[string]pluginsdk.PollingPlugin{"tells": pluginsdk.PollingPluginFunc(tells)}}
	f.write(t, "secrets/community/default", "")
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ019 <>&\"'\\/%+=_-\n\té€")), 12, 40, -1).Draw(r, "secret")
		form = rapid.SampledFrom(forms).Draw(r, "form")
		if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
			r.Fatal(err)
		}
		args := []string{plugin, "--resources", f.resources, "--secrets", filepath.Join(f.path, "secrets"), "--record", recorded}
		asData := rapid.Bool().Draw(r, "as data")
		if asData {
			args = append(args, "--json")
		}
		out, errs, err := execute(t, NewRun(host), args...)
		if err == nil {
			r.Fatal("the run against one must fail")
		}
		file, err2 := os.ReadFile(recorded)
		if err2 != nil {
			r.Fatal(err2)
		}
		seen := map[string]string{"stderr": errs, "error": err.Error(), "recording": string(file)}
		if !asData { // which is what consumers get
			seen["stdout"] = out
		}
		for where, text := range seen {
			for _, needle := range append([]string{"of the file"}, got, form(got), jsonOf(got), jsonOf(form(got))) {
				if strings.Contains(text, needle) {
					r.Fatalf("%q is on %s:\n%s", needle, where, text)
				}
			}
		}
	})
}

// jsonOf is how a text stands in JSON.
func jsonOf(text string) string {
	b, _ := json.Marshal(text)
	return string(b[1 : len(b)-1])
}
