package report

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Panoptes' codes for the state of a device's polling (docs/panoptes/python-api.md, section 8).
const (
	pollingSuccess = iota
	pollingAuthenticationFailure
	pollingNetworkFailure
	pollingTimeout
	pollingPartialMetricFailure
	pollingInternalFailure
	pollingMissingMetrics
	pollingPingFailure
	pollingEnrichmentFailure
)

// pollingExceptions are the codes of exceptions by the name of their class, as PanoptesPollingStatus has them.
var pollingExceptions = map[string]int{
	"ConnectTimeout":                  pollingTimeout,
	"ConnectTimeoutError":             pollingTimeout,
	"ConnectionError":                 pollingNetworkFailure,
	"PanoptesSNMPTimeoutException":    pollingTimeout,
	"PanoptesSNMPConnectionException": pollingNetworkFailure,
	"URLError":                        pollingNetworkFailure,
	"PanoptesPingException":           pollingPingFailure,
	"PanoptesPingTimeoutException":    pollingPingFailure,
	"PanoptesMetricsNullException":    pollingMissingMetrics,
	"PanoptesEnrichmentCacheError":    pollingEnrichmentFailure,
}

// pollingStatus is the code for how a run ended.
func pollingStatus(result *run.Result) int {
	switch result.Outcome {
	case run.OutcomeOK, run.OutcomeNone:
		switch {
		case len(result.Dropped) == 0:
			return pollingSuccess
		case len(result.Groups) > 0:
			return pollingPartialMetricFailure
		}
		return pollingMissingMetrics
	case run.OutcomeTimeout, run.OutcomeBusy:
		return pollingTimeout
	case run.OutcomeRaised:
		return pollingStatusOf(result.Err)
	}
	return pollingInternalFailure
}

// pollingStatusOf is the code for what a plugin raised: by the exception's class, else by the classes it derives from, the
// nearest first.
func pollingStatusOf(err error) int {
	if raised, ok := errors.AsType[*run.PluginError](err); ok {
		for _, class := range append([]string{raised.Type}, raised.Bases...) {
			if code, ok := pollingExceptions[class]; ok {
				return code
			}
		}
		return pollingInternalFailure
	}
	var network net.Error
	switch isNetwork := errors.As(err, &network); {
	case errors.Is(err, context.DeadlineExceeded), isNetwork && network.Timeout():
		return pollingTimeout
	case isNetwork:
		return pollingNetworkFailure
	}
	return pollingInternalFailure
}

// The group and the metric of polling statuses, and the dimension by which those of several plugins differ.
const (
	pollingGroup     = "polling"
	pollingMetric    = "status"
	pollingDimension = "plugin"
)

// PollingUnits describe the metric of polling statuses.
var PollingUnits = &pdata.Units{pollingGroup: {pollingMetric: {
	Description: "How the plugin's last run against the resource ended: 0 success, 1 authentication failure, 2 network failure, 3 timeout, " +
		"4 partial metric failure, 5 internal failure, 6 missing metrics, 7 ping failure, 8 enrichment failure",
}}}

// PollingGroup says how a run of a plugin against a resource ended.
func PollingGroup(plugin string, resource *pluginsdk.Resource, interval time.Duration, result *run.Result) (*pluginsdk.MetricsGroup, error) {
	g, err := pluginsdk.NewMetricsGroup(resource, pollingGroup, max(interval, time.Second))
	if err != nil {
		return nil, err
	}
	return g, errors.Join(g.AddDimension(pollingDimension, plugin), g.AddMetric(pluginsdk.Metric{
		Name: pollingMetric, Type: pluginsdk.Gauge, Value: pluginsdk.Int(int64(pollingStatus(result))), Timestamp: pluginsdk.Now(),
	}))
}
