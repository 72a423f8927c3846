package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const allResources = "../../../../testdata/vectors/resources.json"

func TestResourcesMatchVectors(t *testing.T) {
	t.Parallel()
	type row struct {
		Query  string   `json:"query"`
		Match  []string `json:"match"`
		Failed bool     `json:"error"`
	}
	vectors(t, "resource_filter.jsonl", func(t *testing.T, row row) {
		code, stdout, stderr := run(t, "", "resources", "match", "--filter", row.Query, allResources)
		if row.Failed {
			require.Equal(t, 2, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, "--filter: ")
			require.Contains(t, stderr, "column ")
			return
		}
		require.Zero(t, code, stderr)
		var want strings.Builder
		for _, id := range row.Match {
			want.WriteString(id + "\n")
		}
		require.Equal(t, want.String(), stdout, row.Query)
	})
}

func TestResourcesMatchCaret(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, "", "resources", "match", "--filter", `resource_site = "größe" AND resource_class == "x"`, allResources)
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	lines := strings.Split(stderr, "\n")
	require.Contains(t, lines[0], `panoptes: --filter: column 44: found "=="`)
	require.Equal(t, `  resource_site = "größe" AND resource_class == "x"`, lines[1])
	require.Equal(t, "  "+strings.Repeat(" ", 43)+"^", lines[2])
}

func entry(id string, metadata string) string {
	return fmt.Sprintf(`{"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", "resource_id": "%s", `+
		`"resource_endpoint": "e", "resource_plugin": "p", "resource_creation_timestamp": "1000000000.5", "resource_metadata": {%s}}`, id, metadata)
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resources.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestResourcesMatchInput(t *testing.T) {
	t.Parallel()
	one, two := file(t, "["+entry("b", "")+", "+entry("a", "")+"]"), file(t, entry("c", ""))
	filter := []string{"resources", "match", "--filter", `resource_site = "s"`}
	for name, c := range map[string]struct {
		files  []string
		code   int
		stdout string
		stderr string
	}{
		"order of the input":     {[]string{two, one}, 0, "c\nb\na\n", ""},
		"a missing file":         {[]string{one, "/nonexistent.json"}, 2, "", "/nonexistent.json"},
		"no JSON":                {[]string{file(t, "[\n  {\"resource_site\": \"x\",\n  oops\n]"), one}, 2, "", "line 3, column 3"},
		"a bad entry":            {[]string{file(t, "["+entry("x", "")+`, {"resource_id": "y"}, `+entry("z", "")+"]")}, 1, "x\nz\n", "resource_endpoint"},
		"an id with odd letters": {[]string{file(t, entry(`a\nb\u001b`, ""))}, 0, `a\nb\x1b` + "\n", ""},
		"an empty list":          {[]string{file(t, "[]")}, 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, "", append(filter, c.files...)...)
			require.Equal(t, c.code, code, stderr)
			require.Equal(t, c.stdout, stdout)
			require.Contains(t, stderr, c.stderr)
			if c.code == 0 {
				require.Empty(t, stderr)
			}
		})
	}
	code, stdout, _ := run(t, "", "resources", "match", "--filter", `resource_site = "nowhere"`, one)
	require.Zero(t, code, "that nothing matches is an answer")
	require.Empty(t, stdout)
}

func TestResourcesList(t *testing.T) {
	t.Parallel()
	path := file(t, "["+entry("a", `"_resource_ttl": "900"`)+", "+entry("b", "")+"]")
	code, stdout, stderr := run(t, "", "resources", "list", path)
	require.Zero(t, code, stderr)
	lines := strings.Split(stdout, "\n")
	require.Regexp(t, `^a\ts\tc\tsc\tt\te\t\d{9}\t900$`, lines[0])
	require.Regexp(t, `^b\ts\tc\tsc\tt\te\t\d{9}\t604800$`, lines[1])

	code, stdout, stderr = run(t, "", "resources", "list", "--keys", path)
	require.Zero(t, code, stderr)
	require.Equal(t, "plugin|p|site|s|class|c|subclass|sc|type|t|id|a|endpoint|e\nplugin|p|site|s|class|c|subclass|sc|type|t|id|b|endpoint|e\n", stdout)

	data, err := os.ReadFile(allResources)
	require.NoError(t, err)
	var all []json.RawMessage
	require.NoError(t, json.Unmarshal(data, &all))
	_, stdout, _ = run(t, "", "resources", "list", allResources)
	require.Equal(t, len(all), strings.Count(stdout, "\n"))
}
