package resourcecmd

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestListOnATerminal(t *testing.T) {
	t.Parallel()
	r := &pluginsdk.Resource{
		ID: "router1", Site: "dc1", Class: "network", Subclass: "router", Type: "generic", Endpoint: "10.0.0.1",
		CreationTimestamp: pluginsdk.TextTimestamp("1000.5"), Metadata: pluginsdk.Metadata{{Key: pluginsdk.ResourceTTLKey, Value: "900"}},
	}
	unknown := *r
	unknown.CreationTimestamp = pluginsdk.TextTimestamp("today")
	var b strings.Builder
	require.NoError(t, list(&b, term.Style{Aligned: true}, []*pluginsdk.Resource{r, &unknown}, time.Unix(1000+2*86400+3*3600+30, 0)))
	require.Equal(t, `ID       SITE  CLASS    SUBCLASS  TYPE     ENDPOINT  AGE    TTL
router1  dc1   network  router    generic  10.0.0.1  2d03h  15m00s
router1  dc1   network  router    generic  10.0.0.1  -      15m00s
`, b.String())
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{-5: "in the future", 0: "0s", 59.9: "59s", 61: "1m01s", 3661: "1h01m", 604800: "7d00h"} {
		require.Equal(t, want, span(seconds, term.Style{Aligned: true}))
	}
	require.Equal(t, "604800", span(604800.4, term.Style{}))
}
