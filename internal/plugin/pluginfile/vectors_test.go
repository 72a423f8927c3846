package pluginfile

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

type vectorPlugin struct {
	Name              string
	NormalizedName    string `json:"normalized_name"`
	Version           string
	Author            string
	Website           string
	Description       string
	Path              string
	ExecuteFrequency  int     `json:"execute_frequency"`
	ResultsCacheAge   int     `json:"results_cache_age"`
	ResourceFilter    *string `json:"resource_filter"`
	Config            map[string]map[string]string
	Expires           int
	TimeLimit         int `json:"time_limit"`
	Transforms        map[string]string
	TopicsParsed      map[string][]string `json:"topics_parsed"`
	ResourceFilterErr string              `json:"resource_filter_error"`
}

type vectorRow struct {
	Name            string
	FileName        string `json:"file_name"`
	INI             string
	Rejected        bool
	LoaderException string `json:"loader_exception"`
	Plugins         []vectorPlugin
	Schedule        map[string]json.RawMessage
	Ours            string
}

// TestVectors runs what of the rows the text of the file decides; the loading of modules is not looked at here.
func TestVectors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, err := os.Open("../../../testdata/vectors/plugin_conf.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	rows := 0
	for ; lines.Scan(); rows++ {
		var row vectorRow
		doc := strings.ReplaceAll(lines.Text(), "@DIR@", filepath.ToSlash(dir))
		if err := json.Unmarshal([]byte(doc), &row); err != nil {
			t.Fatal(err)
		}
		t.Run(row.Name, func(t *testing.T) {
			if got := IsPluginFile(row.FileName); got == strings.HasSuffix(row.FileName, ".example") {
				t.Errorf("IsPluginFile(%q) is %t", row.FileName, got)
			}
			f, err := Parse(filepath.Join(dir, row.FileName), []byte(row.INI))
			if row.LoaderException != "" && row.Ours == "" {
				if err == nil {
					t.Errorf("taken, but Panoptes says %s", row.LoaderException)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range row.Plugins {
				compare(t, f, &row, &row.Plugins[i])
			}
		})
	}
	if rows == 0 || lines.Err() != nil {
		t.Fatalf("read %d vectors: %v", rows, lines.Err())
	}
}

func compare(t *testing.T, f *File, row *vectorRow, want *vectorPlugin) {
	t.Helper()
	quoted := strings.Contains(row.Ours, "quoted number")
	if quoted {
		want.ExecuteFrequency, want.Expires, want.TimeLimit = 60, 120, 75
		want.Config["main"]["execute_frequency"] = "60"
	}
	got := vectorPlugin{
		Name: f.Name, NormalizedName: f.NormalizedName, Version: f.Version, Author: f.Author, Website: f.Website,
		Description: f.Description, Path: f.ModulePath, ExecuteFrequency: f.ExecuteFrequency, ResultsCacheAge: f.ResultsCacheAge,
		Expires: f.Expires(), TimeLimit: f.TimeLimit(), Config: f.Config, ResourceFilter: &f.ResourceFilter,
	}
	if want.Config == nil || want.ResourceFilter == nil {
		// Panoptes fails on a lone %.
		if len(f.Warnings) == 0 || !strings.Contains(strings.Join(f.Warnings, " "), "lone %") {
			t.Errorf("warnings %q do not tell of the lone %%", f.Warnings)
		}
		want.Config = got.Config
		if want.ResourceFilter == nil {
			want.ResourceFilter = new(`resource_id LIKE "test%"`)
		}
	} else if len(f.Warnings) > 0 && !quoted && f.ExecuteFrequency != 0 {
		t.Errorf("warnings %q", f.Warnings)
	}
	var entries []string
	for label, value := range want.Transforms {
		entries = append(entries, label+" = "+value)
	}
	if got := strings.Split(f.Transforms(), "\n"); len(entries) > 0 && !slices.Equal(got, entries) {
		t.Errorf("transforms %q, want %q", got, entries)
	}
	if got, processed := f.Topics(), strings.Join(want.TopicsParsed["processed"], ","); got != processed {
		t.Errorf("topics %q, want %q", got, processed)
	}
	want.Transforms, want.TopicsParsed, want.ResourceFilterErr = nil, nil, ""
	if !reflect.DeepEqual(got, *want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, *want)
	}
	resource := &pluginsdk.Resource{
		Site: "test_site", Class: "test_class", Subclass: "test_subclass", Type: "test_type", ID: "test_id",
		Endpoint: "test_endpoint", Plugin: "test_plugin",
	}
	for task := range row.Schedule {
		if got := TaskName(f, resource); got != task {
			t.Errorf("task %q, want %q", got, task)
		}
	}
}

func TestQuotedTransformsAreRead(t *testing.T) {
	t.Parallel()
	f := parsed(t, minimal+"[transforms]\nA = \"rate:example:a,b\"\nb: rate:t:x,\n  y\n")
	rules, errs := transforms.Parse(f.Transforms())
	want := []transforms.Rule{
		{Label: "a", GroupType: "example", Metrics: []string{"a", "b"}},
		{Label: "b", GroupType: "t", Metrics: []string{"x", "y"}},
	}
	if len(errs) > 0 || !reflect.DeepEqual(rules, want) {
		t.Errorf("rules %v, errors %v", rules, errs)
	}
}
