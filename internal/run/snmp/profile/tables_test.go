package profile_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/tabletest"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden compares a text with a file beside the test.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// poll runs a program once.
func poll(t *testing.T, p *table.Program, d *tabletest.Device, s *table.State) string {
	t.Helper()
	r, err := p.Run(context.Background(), d.Ask, s, tabletest.Target())
	require.NoError(t, err)
	return tabletest.Text(r)
}

// TestTables polls the recordings in testdata/tables with the YAML beside them.
func TestTables(t *testing.T) {
	files, err := filepath.Glob("testdata/tables/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		t.Run(filepath.Base(name), func(t *testing.T) {
			p, err := profile.Tables(filepath.Base(file), readFile(t, file))
			require.NoError(t, err)
			golden(t, name+".golden", poll(t, p, tabletest.Open(t, name+".snmprec"), &table.State{}))
		})
	}
}
