package panoptesreceiver

import (
	"context"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/receiver"
)

// instances are the receivers that there are, one a configuration: a receiver that stands in pipelines of metrics and of
// logs is one. The Collector makes it once for each kind of pipeline.
type instances struct {
	mu  sync.Mutex
	all map[*Config]*instance
}

// instance is a receiver as the kinds of pipelines share it. It starts when the last of them has been started, since before
// that a pipeline may not be ready, and ends with the first that is shut down, since after that one may be gone.
type instance struct {
	receiver *panoptesReceiver
	forget   func()

	mu      sync.Mutex
	hosts   hosts
	started bool
}

// of returns the receiver of a configuration, which it makes where there is none.
func (i *instances) of(set receiver.Settings, cfg *Config) (*instance, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	found := i.all[cfg]
	if found == nil {
		r, err := newReceiver(set, cfg)
		if err != nil {
			return nil, err
		}
		found = &instance{receiver: r, forget: func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			delete(i.all, cfg)
		}}
		i.all[cfg] = found
	}
	return found, nil
}

// Start implements component.Component.
func (i *instance) Start(ctx context.Context, host component.Host) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hosts = append(i.hosts, host)
	if i.started || len(i.hosts) < i.receiver.pipelines() {
		return nil
	}
	i.started = true
	return i.receiver.Start(ctx, slices.Clone(i.hosts))
}

// pipelines is in how many kinds of pipelines the receiver stands.
func (r *panoptesReceiver) pipelines() (n int) {
	if r.next != nil {
		n++
	}
	if r.pluginLogs != nil {
		n++
	}
	return n
}

// Shutdown implements component.Component.
func (i *instance) Shutdown(ctx context.Context) error {
	i.forget()
	return i.receiver.Shutdown(ctx)
}

// hosts is the host of a receiver that is shared: each kind of pipeline has a status of its own.
type hosts []component.Host

var _ componentstatus.Reporter = hosts(nil)

// GetExtensions implements component.Host.
func (h hosts) GetExtensions() map[component.ID]component.Component { return h[0].GetExtensions() }

// Report implements componentstatus.Reporter.
func (h hosts) Report(e *componentstatus.Event) {
	for _, host := range h {
		componentstatus.ReportStatus(host, e)
	}
}
