package parse

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMemoryOfALargeFile does not run in parallel: it counts what the process allocates. With the file itself, which is in
// memory meanwhile, a file must not cost four times its size.
func TestMemoryOfALargeFile(t *testing.T) {
	const resources = 50_000
	var file bytes.Buffer
	for i := range resources {
		separator := ",\n"
		if i == 0 {
			separator = "["
		}
		fmt.Fprintf(&file, `%s{"resource_site": "site%d", "resource_class": "network", "resource_subclass": "switch", "resource_type": "cisco",
			"resource_id": "host%d.example.net", "resource_endpoint": "host%d.example.net", "resource_plugin": "inventory",
			"resource_creation_timestamp": 1514764800, "resource_metadata": {"vendor": "cisco", "model": "c9%d", "rack": "r%d"}}`,
			separator, i%20, i, i, i%50, i)
	}
	file.WriteString("]")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found, warnings, err := ParseFile("resources.json", file.Bytes(), nil)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, found, resources)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(3*file.Len()))
}

func TestLargeYAML(t *testing.T) {
	t.Parallel()
	_, _, err := ParseFile("resources.yaml", []byte("# "+strings.Repeat("x", MaxYAML)), nil)
	require.ErrorContains(t, err, "write it as JSON")
}
