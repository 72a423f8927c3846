package panoptesredisextension

import (
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension/internal/redisstore"
)

// health tells the Collector, and the log, how Redis is: once when that changes. It is safe for concurrent use.
type health struct {
	logger   *zap.Logger
	endpoint string

	mu   sync.Mutex
	host component.Host // nil before Start and from Shutdown on
	is   redisstore.Health
	// known says that Redis has answered, or has been found away.
	known bool
}

// attach names the host to report to; nil ends the reports.
func (h *health) attach(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host = host
}

// available is 1 while Redis can be used and takes what is written, else 0.
func (h *health) available() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known && h.is.Away == nil && h.is.Refused == nil {
		return 1
	}
	return 0
}

// changed is what the store calls.
func (h *health) changed(was, is redisstore.Health) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.host == nil {
		return
	}
	h.is = is
	endpoint := zap.String("endpoint", h.endpoint)
	switch {
	case is.Away != nil && was.Away == nil:
		h.logger.Error("Redis cannot be used: what plugins ask of it fails at once, until it answers", endpoint, zap.Error(is.Away),
			zap.String("next", "look at the Redis, and at the extension's endpoint, password and tls"))
	case is.Away == nil && was.Away != nil:
		h.logger.Info("Redis can be used again", endpoint, zap.Duration("away_for", time.Since(was.Since).Round(time.Millisecond)))
	case is.Refused != nil && was.Refused == nil:
		h.logger.Error("Redis refuses what is written", endpoint, zap.Error(is.Refused),
			zap.String("next", "look at its memory (maxmemory), its disk, and whether it is a replica"))
	case is.Refused == nil && was.Refused != nil:
		h.logger.Info("Redis takes what is written again", endpoint)
	case !h.known:
		h.logger.Info("Connected to Redis", endpoint, zap.String("version", is.Version))
	}
	h.known = true
	componentstatus.ReportStatus(h.host, h.event())
}

// event is the status of the extension. The lock is held.
func (h *health) event() *componentstatus.Event {
	switch {
	case h.is.Away != nil:
		return componentstatus.NewRecoverableErrorEvent(fmt.Errorf("redis %s cannot be used: %w", h.endpoint, h.is.Away))
	case h.is.Refused != nil:
		return componentstatus.NewRecoverableErrorEvent(fmt.Errorf("redis %s refuses what is written: %w", h.endpoint, h.is.Refused))
	}
	return componentstatus.NewEvent(componentstatus.StatusOK)
}
