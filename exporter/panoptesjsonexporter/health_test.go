package panoptesjsonexporter

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// statusHost notes what is reported to it.
type statusHost struct{ reports []componentstatus.Status }

func (*statusHost) GetExtensions() map[component.ID]component.Component { return nil }
func (h *statusHost) Report(e *componentstatus.Event)                   { h.reports = append(h.reports, e.Status()) }

func TestHealth(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	h, host := newHealth(zap.New(core)), &statusHost{}
	refused := errors.New("connection refused")
	one, two := kgo.BrokerMetadata{Host: "kafka1", Port: 9092}, kgo.BrokerMetadata{Host: "kafka2", Port: 9092}
	h.status.Attach(host)

	h.OnBrokerConnect(one, 0, nil, nil)
	h.attempted(nil)
	assert.Empty(t, host.reports, "fine from the start: the Collector says so itself")
	for range 3 {
		h.OnBrokerConnect(one, 0, nil, refused)
	}
	h.OnBrokerConnect(two, 0, nil, refused)
	assert.Empty(t, host.reports, "there is a connection to a broker")
	h.OnBrokerDisconnect(one, nil)
	h.OnBrokerConnect(two, 0, nil, refused)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, host.reports)
	h.attempted(refused)
	assert.Equal(t, refused, h.lastConnect())
	h.OnBrokerConnect(one, 0, nil, nil)
	assert.Error(t, h.lastConnect(), "of the other broker")
	h.OnBrokerConnect(two, 0, nil, nil)
	assert.NoError(t, h.lastConnect())
	h.attempted(nil)
	h.status.Attach(nil)
	h.attempted(refused)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, host.reports)
	assert.Equal(t, 2, logs.FilterMessageSnippet("Cannot connect").Len(), "once a broker")
	assert.Equal(t, 2, logs.FilterMessageSnippet("Connected to Kafka").Len())
}
