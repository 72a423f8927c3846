package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInflux(t *testing.T) {
	t.Parallel()
	const tags = ",d=1,resource_class=c,resource_endpoint=e,resource_site=s,resource_subclass=sc,resource_type=t "
	stdin := line("x", 1000, counter(5), gauge) + "\n{}\n" + line("y z", 1001, gauge)
	code, stdout, stderr := run(t, stdin, "influx")
	require.Equal(t, 1, code)
	require.Equal(t, "x"+tags+"g__gauge=0.5,n__counter=5 1000\ny_z"+tags+"g__gauge=0.5 1001\n", stdout)
	require.Equal(t, "panoptes: line 3: metrics_group_type is missing\n", stderr)

	code, _, stderr = run(t, line("x", 1000, gauge), "influx")
	require.Zero(t, code, stderr)

	code, stdout, stderr = run(t, strings.Repeat("x", 16<<20+1)+"\n"+line("x", 1000, gauge), "influx")
	require.Equal(t, 1, code)
	require.Equal(t, "x"+tags+"g__gauge=0.5 1000\n", stdout)
	require.Contains(t, stderr, "panoptes: line 1: line has more than 16777216 bytes")
}
