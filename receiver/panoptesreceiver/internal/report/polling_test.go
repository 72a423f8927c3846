package report

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestPollingStatusCodes(t *testing.T) {
	t.Parallel()
	raised := func(classes ...string) run.Result {
		return run.Result{Outcome: run.OutcomeRaised, Err: fmt.Errorf("plugin: %w", &run.PluginError{Type: classes[0], Bases: classes[1:]})}
	}
	groups, dropped := []*pluginsdk.MetricsGroup{{}}, []run.Drop{{}}
	for name, c := range map[string]struct {
		result run.Result
		want   int
	}{
		"ok":                       {run.Result{Outcome: run.OutcomeOK, Groups: groups}, 0},
		"empty":                    {run.Result{Outcome: run.OutcomeOK}, 0},
		"none":                     {run.Result{Outcome: run.OutcomeNone}, 0},
		"network":                  {raised("PanoptesSNMPConnectionException", "PanoptesSNMPException", "PanoptesBaseException"), 2},
		"timeout":                  {raised("PanoptesSNMPTimeoutException", "PanoptesSNMPConnectionException"), 3},
		"overdue":                  {run.Result{Outcome: run.OutcomeTimeout}, 3},
		"part":                     {run.Result{Outcome: run.OutcomeOK, Groups: groups, Dropped: dropped}, 4},
		"internal":                 {raised("KeyError", "LookupError"), 5},
		"crash":                    {run.Result{Outcome: run.OutcomeCrashed}, 5},
		"nothing valid":            {run.Result{Outcome: run.OutcomeOK, Dropped: dropped}, 6},
		"null":                     {raised("PanoptesMetricsNullException"), 6},
		"ping, by a base class":    {raised("PanoptesPingConnectionError", "PanoptesPingException"), 7},
		"enrichment, by one":       {raised("PanoptesEnrichmentFileEmptyError", "PanoptesEnrichmentCacheError"), 8},
		"a Go plugin's deadline":   {run.Result{Outcome: run.OutcomeRaised, Err: fmt.Errorf("get: %w", context.DeadlineExceeded)}, 3},
		"a Go plugin's network":    {run.Result{Outcome: run.OutcomeRaised, Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, 2},
		"another of a Go plugin's": {run.Result{Outcome: run.OutcomeRaised, Err: errors.New("oops")}, 5},
	} {
		assert.Equal(t, c.want, pollingStatus(&c.result), name)
	}
}

// TestPollingExceptionsAreThoseOfThePackage: the class that plugins use and the receiver say the same.
func TestPollingExceptionsAreThoseOfThePackage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../python/yahoo_panoptes/plugins/polling/utilities/polling_status.py")
	require.NoError(t, err)
	codes := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^    ([A-Z_]+) = (\d)$`).FindAllStringSubmatch(string(text), -1) {
		codes[m[1]], err = strconv.Atoi(m[2])
		require.NoError(t, err)
	}
	assert.Equal(t, map[string]int{
		"SUCCESS": pollingSuccess, "AUTHENTICATION_FAILURE": pollingAuthenticationFailure, "NETWORK_FAILURE": pollingNetworkFailure,
		"TIMEOUT": pollingTimeout, "PARTIAL_METRIC_FAILURE": pollingPartialMetricFailure, "INTERNAL_FAILURE": pollingInternalFailure,
		"MISSING_METRICS": pollingMissingMetrics, "PING_FAILURE": pollingPingFailure, "ENRICHMENT_FAILURE": pollingEnrichmentFailure,
	}, codes)
	exceptions := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^ +(?:\w+\.)*_?(?:Requests)?(\w+): DEVICE_METRICS_STATES\.(\w+),$`).FindAllStringSubmatch(string(text), -1) {
		exceptions[m[1]] = codes[m[2]]
	}
	assert.Equal(t, exceptions, pollingExceptions)
}
