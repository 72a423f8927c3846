//go:build e2e

package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// command runs the built command panoptes (PANOPTES_BIN) and validates each line of its output.
func command(t *testing.T, stdin string, args ...string) (lines int) {
	t.Helper()
	_, written := compiled(t)
	dir := os.Getenv("PANOPTES_BIN")
	if dir == "" {
		t.Fatal("PANOPTES_BIN must name the folder of the built programs: run make test-e2e")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "panoptes"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		lines++
		validate(t, written, []byte(line))
	}
	return lines
}

func TestPluginRunIsValid(t *testing.T) {
	t.Parallel()
	const quickstart = "../../examples/quickstart/"
	if n := command(t, "", "plugin", "run", quickstart+"plugins/machine/machine.panoptes-plugin", "--resources", quickstart+"resources/localhost.json",
		"--times", "2", "--json"); n < 4 {
		t.Errorf("%d groups", n)
	}
}

// TestPipeIsValid sends through what Panoptes itself wrote, except for groups without metrics, which pass as they came.
func TestPipeIsValid(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	groups := 0
	vectors(t, "metrics_group_json.jsonl", func(line []byte) {
		var row struct{ Raw string }
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if json.Valid([]byte(row.Raw)) && !strings.Contains(row.Raw, `"metrics": []`) {
			groups++
			in.WriteString(row.Raw + "\n")
		}
	})
	if n := command(t, in.String(), "pipe", "--rates", "double"); n != groups || n < 20 {
		t.Errorf("%d lines for %d groups", n, groups)
	}
}

func TestTailIsValid(t *testing.T) {
	t.Parallel()
	brokers, messages := exported(t)
	n := strconv.Itoa(len(messages))
	if lines := command(t, "", "tail", "--brokers", brokers, "--topic", "panoptes-metrics", "--from", "start", "-n", n, "--json"); lines != len(messages) {
		t.Errorf("%d lines of %d messages", lines, len(messages))
	}
}
