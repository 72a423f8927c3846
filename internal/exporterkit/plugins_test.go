package exporterkit

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/panoptes-otel/panoptes-otel/internal/status/statustest"
)

// A board is told what became of the groups of each plugin. Without a board nothing is counted.
func TestBoardIsToldOfGroups(t *testing.T) {
	t.Parallel()
	s := NewStatus("cannot deliver to X")
	id := component.MustNewID("x")
	none := ShowPlugins(componenttest.NewNopHost(), id, s)
	require.Nil(t, none)
	none.Of("p").Came(1)
	none.Of("p").Sent(1)
	none.Of("p").Dropped("r")
	none.DroppedSome("r", 1)
	none.Hide()
	require.Empty(t, none.Of("p").Plugin())

	host := &statustest.Host{}
	s.Attach(host)
	p := ShowPlugins(host, id, s)
	told := func(plugin string) string { return host.Told(plugin)[0] }
	require.Equal(t, "unknown no group of the plugin came", told("p"))
	g := p.Of("p")
	require.Equal(t, "p", g.Plugin())
	g.Came(3)
	assert.Equal(t, "yes groups delivered: 0, on their way: 3", told("p"))
	const next = " > the exporter's log says why, once for each reason; its README lists the reasons"
	g.Dropped("b")
	assert.Equal(t, "no groups delivered: 0, on their way: 2, dropped: 1 (b 1)"+next, told("p"))
	p.Of("p").Sent(1)
	g.Dropped("a")
	assert.Equal(t, "yes groups delivered: 1, dropped: 2 (a 1, b 1)"+next, told("p"))
	p.DroppedSome("c", 4)
	assert.Equal(t, "yes groups delivered: 1, dropped: 2 (a 1, b 1); dropped of some plugins: 4 (c 4)"+next, told("p"))
	s.Report(errors.New("no route"))
	assert.Contains(t, told("p"), "no cannot deliver to X: no route; groups delivered: 1, ")
	s.Report(nil)
	assert.Contains(t, told("p"), "yes groups delivered: 1, ")
	for i := range 2 * maxPlugins {
		p.Of(fmt.Sprint(i)).Came(1)
	}
	assert.Equal(t, "unknown no group of the plugin came", told(fmt.Sprint(2*maxPlugins-1)), "they are bounded")
	p.Hide()
	assert.Empty(t, host.Told("p"))
}
