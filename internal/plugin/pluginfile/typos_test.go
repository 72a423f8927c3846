package pluginfile

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTypos(t *testing.T) {
	t.Parallel()
	option := func(line, is, meant string) string {
		return "line " + line + ": no option " + is + " is read; did you mean " + meant + "? The plugin alone sees it now"
	}
	section := func(line, is, meant string) string {
		return "line " + line + ": no section [" + is + "] is read; did you mean [" + meant + "]? The plugin alone sees it now"
	}
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"options": {
			"[main]\nexecute_frequncy = 60\nresource_fitler = a\n",
			[]string{option("5", "[main] execute_frequncy", "execute_frequency"), option("6", "[main] resource_fitler", "resource_filter")},
		},
		"section":              {"[transform]\na = rate:a:b\n", []string{section("4", "transform", "transforms")}},
		"case":                 {"[Main]\nexecute_frequncy = 60\n", []string{section("4", "Main", "main")}},
		"defaults":             {"[default]\na = b\n", []string{section("4", "default", "DEFAULT")}},
		"both cases":           {"[Transforms]\na = rate:a:b\n[transforms]\na = rate:a:b\n", []string{section("4", "Transforms", "transforms")}},
		"arguments":            {"[main]\nruntime = exec\narg = -v\n", []string{option("6", "[main] arg", "args")}},
		"no arguments":         {"[main]\narg = -v\n", nil},
		"documentation":        {"[documentation]\nauthor = b\n", []string{section("4", "documentation", "Documentation")}},
		"case of options":      {"[main]\nExecute_Frequency = 60\n", nil},
		"both are there":       {"[main]\nresource_filters = a\nresource_filter = a = b\n[mine]\n", nil},
		"one and several":      {"[topics]\na = b\n[topic]\na = b\n", []string{section("6", "topic", "topics")}},
		"from DEFAULT":         {"[DEFAULT]\nresource_fitler = a\n[main]\nexecute_frequency = 1\n", nil},
		"the plugin's own":     {"[main]\ncount = 3\nport = 1\nfolder = /tmp\n[dimension]\na = b\n[oids]\n", nil},
		"short words, two off": {"[main]\nunites_x = a\ngrapes = b\n[mine]\n", nil},
		"labels of transforms": {"[transforms]\nexecute_frequncy = rate:a:b\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := Parse("x"+Extension, []byte("[Core]\nName = T\nModule = m\n"+tt.text))
			require.NoError(t, err)
			assert.Equal(t, tt.want, f.Warnings)
		})
	}
}
