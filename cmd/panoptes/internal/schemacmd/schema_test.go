package schemacmd

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

func run(t *testing.T, stdin string, args ...string) ([]string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := NewCheck()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	err := cmd.Execute()
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), err
}

func TestCheckVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../../testdata/vectors/schema.jsonl")
	require.NoError(t, err)
	var messages []string
	var valid []bool
	for line := range strings.Lines(string(data)) {
		var row struct {
			Message json.RawMessage
			Valid   bool
		}
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		messages, valid = append(messages, string(row.Message)), append(valid, row.Valid)
	}
	answers, err := run(t, strings.Join(messages, "\n"))
	require.ErrorIs(t, err, exit.ErrReported)
	require.Len(t, answers, len(valid))
	for i, answer := range answers {
		require.Equal(t, valid[i], answer == "valid", "%s: %s", messages[i], answer)
		require.True(t, answer == "valid" || strings.HasPrefix(answer, "invalid: "), answer)
	}
}

func TestCheckResources(t *testing.T) {
	t.Parallel()
	answers, err := run(t, "{}\n", "--resources")
	require.ErrorIs(t, err, exit.ErrReported)
	require.Contains(t, answers[0], "resources")
}
