package plugincmd

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// fullResources is against how many resources runs are shown in full.
	fullResources = 3
	// maxRows is how many runs of a round are listed, the failed ones first and then the longest.
	maxRows = 100
)

// summary shows the runs of a round against many resources, a line each.
type summary struct {
	out, errs io.Writer
	style     term.Style
	runs      []oneRun
	causes    map[string][]string // what failed, with the resources
}

func newSummary(out, errs io.Writer, style term.Style) *summary {
	return &summary{out: out, errs: errs, style: style, causes: map[string][]string{}}
}

// first notes a failure, and says whether it is the first of its cause in the round.
func (s *summary) first(r *pluginsdk.Resource, cause string) bool {
	for _, own := range []string{r.ID, r.Endpoint} {
		cause = strings.ReplaceAll(cause, strconv.Quote(own), "...")
	}
	s.causes[cause] = append(s.causes[cause], r.ID)
	return len(s.causes[cause]) == 1
}

// end writes the lines of a round.
func (s *summary) end() error {
	if len(s.runs) == 0 {
		return nil
	}
	for _, ids := range s.causes {
		if len(ids) > 1 {
			slices.Sort(ids)
			fmt.Fprintf(s.errs, "panoptes: the same of %d resources: %s\n", len(ids), term.Cell(some(ids)))
		}
	}
	if len(s.runs) > maxRows {
		slices.SortStableFunc(s.runs, func(a, b oneRun) int {
			return cmp.Or(rank(a)-rank(b), cmp.Compare(b.result.Duration, a.result.Duration))
		})
	}
	var rows [][]string
	outcomes, groups, metrics := map[string]int{}, 0, 0
	for _, r := range s.runs {
		n := 0
		for _, g := range r.out.Groups {
			n += len(g.Metrics())
		}
		groups += len(r.out.Groups)
		metrics += n
		outcomes[string(r.result.Outcome)]++
		if len(rows) < maxRows {
			rows = append(rows, []string{
				r.resource.ID, r.resource.Site, duration(r.result.Duration).String(), strconv.Itoa(len(r.out.Groups)), strconv.Itoa(n), string(r.result.Outcome),
			})
		}
	}
	fmt.Fprintf(s.out, "\nrun %d of %d against %d resources:\n", s.runs[0].number, s.runs[0].of, len(s.runs))
	if err := s.style.Table(s.out, []string{"RESOURCE", "SITE", "TIME", "GROUPS", "METRICS", "OUTCOME"}, rows); err != nil {
		return err
	}
	if left := len(s.runs) - len(rows); left > 0 {
		fmt.Fprintf(s.out, "and %d more\n", left)
	}
	var parts []string
	for outcome, n := range outcomes {
		parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
	}
	slices.Sort(parts)
	_, err := fmt.Fprintf(s.out, "%s; %s, %s; half of the runs took at most %s, the longest %s\n",
		strings.Join(parts, ", "), logs.Count(groups, "group"), logs.Count(metrics, "metric"), duration(s.quantile(2)), duration(s.quantile(1)))
	s.runs, s.causes = nil, map[string][]string{}
	return err
}

// rank puts failed runs first.
func rank(r oneRun) int {
	if r.result.Outcome.Failed() {
		return 0
	}
	return 1
}

// quantile is the time that one in n of the runs reached: 2 for the median, 1 for the longest.
func (s *summary) quantile(n int) time.Duration {
	var all []time.Duration
	for _, r := range s.runs {
		all = append(all, r.result.Duration)
	}
	slices.Sort(all)
	return all[(len(all)-1)/n]
}
