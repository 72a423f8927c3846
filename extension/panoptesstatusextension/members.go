package panoptesstatusextension

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// fleet is a group of Collectors that share resources, as Kafka shows it.
type fleet struct {
	Group string
	*shardgroup.View
}

// askFor bounds how long Kafka is asked for a page.
const askFor = 3 * time.Second

// viewers are the extensions that share resources, by id.
func viewers(extensions map[component.ID]component.Component) (found []shardgroup.Viewer) {
	for _, id := range slices.SortedFunc(maps.Keys(extensions), func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) }) {
		if v, ok := extensions[id].(shardgroup.Viewer); ok {
			found = append(found, v)
		}
	}
	return found
}

// Shared says whether the Collector shares resources with others.
func (p page) Shared() bool { return len(p.extension.viewers) > 0 }

func (e *statusExtension) membersPage(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), askFor)
	defer cancel()
	var (
		fleets []fleet
		errs   []error
		code   = http.StatusOK
	)
	for _, v := range e.viewers {
		group, view, err := v.View(ctx)
		switch {
		case err != nil:
			errs = append(errs, err)
			code = http.StatusBadGateway
		case view != nil:
			fleets = append(fleets, fleet{group, view})
		}
	}
	e.show(w, r, code, "members", "Members", query{}, fleets, errors.Join(errs...))
}
