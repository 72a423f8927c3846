package panoptesstatusextension

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// errNoEnrichment says how to let enrichment be shown.
var errNoEnrichment = errors.New("enrichment is not shown here: set actions::enrichment of panoptes_status, which needs auth")

// kept asks the receivers for what they keep of the resources with an id. code is the answer's where there is an error.
func (e *statusExtension) kept(ctx context.Context, v url.Values) (all []status.Kept, code int, err error) {
	id := v.Get("id")
	switch {
	case !e.cfg.Actions.Enrichment:
		return nil, http.StatusForbidden, errNoEnrichment
	case id == "":
		return nil, http.StatusBadRequest, errors.New("id: name a resource by its id")
	}
	for _, r := range e.asked(query{Receiver: v.Get("receiver")}) {
		kept, err := r.Kept(ctx, id)
		if err != nil {
			return nil, http.StatusInternalServerError, err
		}
		kept.Receiver = r.ID().String()
		all = append(all, kept)
	}
	return all, http.StatusOK, nil
}

func (e *statusExtension) apiEnrichment(w http.ResponseWriter, r *http.Request) {
	all, code, err := e.kept(r.Context(), r.URL.Query())
	if err != nil {
		writeError(w, code, err)
		return
	}
	writeJSON(w, code, items(all))
}

func (e *statusExtension) enrichmentPage(w http.ResponseWriter, r *http.Request) {
	all, code, err := e.kept(r.Context(), r.URL.Query())
	e.show(w, r, code, "enrichment", "Enrichment of "+r.URL.Query().Get("id"), query{}, all, err)
}
