package panoptesstatusextension

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// viewer is an extension that shares resources.
type viewer struct {
	component.StartFunc
	component.ShutdownFunc
	view *shardgroup.View
	err  error
}

func (v viewer) View(context.Context) (string, *shardgroup.View, error) {
	return "panoptes-dc1", v.view, v.err
}

func TestMembers(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{}, newFake("panoptes", 1))
	assert.Contains(t, s.page("/members"), "shares its resources with no other")
	assert.NotContains(t, s.page("/"), "Members")

	show := func(v viewer) {
		s.ext.viewers = viewers(map[component.ID]component.Component{
			component.MustNewID("panoptes_shards"): v, component.MustNewID("other"): struct {
				component.StartFunc
				component.ShutdownFunc
			}{},
		})
	}
	show(viewer{})
	assert.Contains(t, s.page("/members"), "Shares are fixed")
	assert.Contains(t, s.page("/"), `<a href="members">Members</a>`)

	view := &shardgroup.View{
		State: "Stable",
		Members: []shardgroup.Member{
			{About: shardgroup.About{Instance: "collector-1", Resources: "4-abc"}, Host: "192.0.2.1", Assigned: 2, Owned: 2},
			{About: shardgroup.About{Instance: "<b>", Resources: "4-abc"}, Host: "192.0.2.2", Assigned: 2, Owned: 1},
		},
		Shards: []shardgroup.Shard{{Owned: true}, {Owned: true}, {Owned: true}, {}},
	}
	show(viewer{view: view})
	text := s.page("/members")
	for _, want := range []string{
		"panoptes-dc1", "3 of 4 shards are owned; the group is Stable", "collector-1", "192.0.2.2", "&lt;b&gt;", `<tr class="bad">`, "4-abc",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "different resources")
	view.Members[1].Resources = "5-def"
	assert.Contains(t, s.page("/members"), "Members know different resources")

	assert.NotContains(t, text, "JSON API", "it has no members")
	assert.Contains(t, text, "panoptes shards --json")

	show(viewer{view: &shardgroup.View{State: "PreparingRebalance", Members: []shardgroup.Member{{}}, Shards: []shardgroup.Shard{{Member: -1}}}})
	text = s.page("/members")
	assert.Contains(t, text, "The owners of shards are not known: the group shares anew (PreparingRebalance)")
	assert.Contains(t, text, `<th scope="row">–</th>`)
	assert.NotContains(t, text, "shards are owned")

	show(viewer{err: errors.New("no broker answers")})
	code, text := s.get("/members")
	assert.Equal(t, http.StatusBadGateway, code)
	assert.Contains(t, text, "no broker answers")
}
