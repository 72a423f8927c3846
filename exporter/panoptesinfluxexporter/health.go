package panoptesinfluxexporter

import (
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// health tells the Collector, and the log, whether InfluxDB takes points: once when it changes. It is safe for concurrent
// use.
type health struct {
	logger *zap.Logger

	mu     sync.Mutex
	host   component.Host
	failed bool
}

// attempted is told the outcome of a request: nil when InfluxDB took points.
func (h *health) attempted(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.host == nil || h.failed == (err != nil) {
		return
	}
	h.failed = err != nil
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if h.failed {
		h.logger.Warn("InfluxDB takes no points", zap.Error(err),
			zap.String("next", "look at the server, and at the exporter's endpoint and credentials"))
		event = componentstatus.NewRecoverableErrorEvent(fmt.Errorf("cannot deliver to InfluxDB: %w", err))
	} else {
		h.logger.Info("InfluxDB takes points again")
	}
	componentstatus.ReportStatus(h.host, event)
}

// attach names the host to report to; nil ends the reports.
func (h *health) attach(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host = host
}
