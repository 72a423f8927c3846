package plugin

import (
	"testing"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func FuzzParseArguments(f *testing.F) {
	f.Add(`-H {resource_endpoint} 'a b' "" {resource_metadata.x}{{resource_id}`)
	f.Add(`-S "sh -c 'python3 -fx \"; . y'" awk -f - -- sed --file= "(" {resource_id}`)
	f.Fuzz(func(t *testing.T, text string) {
		args, err := parseArguments(text)
		if err != nil {
			return
		}
		for _, module := range []string{"/bin/sh", "/usr/bin/env", "/usr/bin/awk"} {
			_ = (&program{args: args}).findScripts(module) // whatever they say
		}
		p := &Plugin{program: &program{args: args}}
		out, err := p.Arguments(&pluginsdk.Resource{ID: "id", Endpoint: "id.example"})
		if err == nil && len(out) != len(args) {
			t.Fatalf("%q became %q", args, out)
		}
	})
}
