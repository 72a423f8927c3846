package exporterkit

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
)

// Status tells the Collector whether the back end takes data: once when it changes. It is safe for concurrent use.
type Status struct {
	failure string

	mu     sync.Mutex
	host   component.Host
	failed error
}

// NewStatus returns a Status without a host. failure is what an error begins with, such as "cannot deliver to Kafka".
func NewStatus(failure string) *Status { return &Status{failure: failure} }

// Attach names the host to report to; nil ends the reports.
func (s *Status) Attach(host component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host = host
}

// Report takes the outcome of an attempt, nil for a good one, and says whether it was reported as a change.
func (s *Status) Report(err error) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host == nil {
		return false
	}
	changed = (s.failed != nil) != (err != nil)
	s.failed = err
	if !changed {
		return false
	}
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if err != nil {
		event = componentstatus.NewRecoverableErrorEvent(fmt.Errorf("%s: %w", s.failure, err))
	}
	componentstatus.ReportStatus(s.host, event)
	return true
}

// Failing is why the back end takes no data now; nil where it does.
func (s *Status) Failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.failure, s.failed)
}

// Reason is the attribute that counters of drops have.
func Reason(reason string) metric.AddOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
}

// CountPoints counts the data points that were degraded or dropped while groups were made of them.
func CountPoints(ctx context.Context, report pdata.Report, degraded, dropped metric.Int64Counter) {
	for reason, n := range report {
		counter := degraded
		if reason.Dropped() {
			counter = dropped
		}
		counter.Add(ctx, int64(n), Reason(string(reason)))
	}
}
