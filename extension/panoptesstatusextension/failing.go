package panoptesstatusextension

import (
	"cmp"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// maxCauses is how many kinds of failures the overview shows, those of most tasks first.
const maxCauses = 20

// failingTasks are the tasks of a plugin that fail for the same cause.
type failingTasks struct {
	Plugin, Cause string
	Count         int
	// Example is the one of them that failed most often in a row.
	Example status.Task
}

// failing groups the tasks that fail now by plugin and cause. Errors that differ in the resource or in numbers alone are one cause.
func (e *statusExtension) failing(q query) []failingTasks {
	type key struct{ plugin, cause string }
	groups := map[key]*failingTasks{}
	for _, r := range e.asked(q) {
		id := r.ID().String()
		r.Tasks(func(t *status.Task) bool {
			if t.State != status.Failing && t.State != status.BackingOff {
				return true
			}
			text := cause(t.Error, t.Plugin, t.Resource.ID)
			for _, own := range []string{t.Resource.ID, t.Resource.Endpoint} {
				if own != "" {
					text = strings.ReplaceAll(text, own, "…")
				}
			}
			k := key{t.Plugin, t.Outcome + withoutDigits(text)}
			g := groups[k]
			if g == nil {
				if text != "" {
					text = ": " + text
				}
				g = &failingTasks{Plugin: t.Plugin, Cause: t.Outcome + text}
				groups[k] = g
			}
			if g.Count++; g.Count == 1 || t.Failures > g.Example.Failures {
				g.Example = *t
				g.Example.Of(id)
			}
			return true
		})
	}
	all := make([]failingTasks, 0, len(groups))
	for _, g := range groups {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b failingTasks) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Plugin, b.Plugin), strings.Compare(a.Cause, b.Cause))
	})
	return all[:min(len(all), maxCauses)]
}

func withoutDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, text)
}
