package deploy

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stages are the stages of deploy/container/Containerfile.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	f, err := os.Open("container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Warnings) > 0 {
		t.Errorf("warnings: %v", file.Warnings)
	}
	all, _, err := instructions.Parse(file.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestContainerfile: what is built in one stage is run in another one, by an init, as a user who is not root, with the
// arguments that Kubernetes gives.
func TestContainerfile(t *testing.T) {
	t.Parallel()
	all := stages(t)
	if len(all) != 2 || all[0].Name != "build" {
		t.Fatalf("%d stages", len(all))
	}
	var user string
	var entrypoint, command []string
	for _, c := range all[1].Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entrypoint = c.CmdLine
		case *instructions.CmdCommand:
			command = c.CmdLine
		case *instructions.CopyCommand:
			if c.From != "build" {
				t.Errorf("copies %v from %q", c.SourcePaths, c.From)
			}
		case *instructions.RunCommand:
			script := strings.Join(c.CmdLine, " ")
			for _, what := range []string{"python3", "tini", "ca-certificates"} {
				if !strings.Contains(script, what) {
					t.Errorf("%s is not installed", what)
				}
			}
		}
	}
	if user != "65532:65532" {
		t.Errorf("user %q", user)
	}
	if len(entrypoint) < 1 || entrypoint[0] != "/usr/bin/tini" {
		t.Errorf("entrypoint %q has no init", entrypoint)
	}
	if args := read(t, deployments["one"]).set.Spec.Template.Spec.Containers[0].Args; !slices.Equal(args, command) {
		t.Errorf("arguments are %q, in Kubernetes %q", command, args)
	}
}
