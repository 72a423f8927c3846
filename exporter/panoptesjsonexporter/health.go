package panoptesjsonexporter

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// health tells the Collector, and the log, whether Kafka can be reached: once when it changes. It is a hook of the
// client, and safe for concurrent use.
type health struct {
	logger *zap.Logger
	status *exporterkit.Status

	mu sync.Mutex
	// silent says that it was told that Kafka takes nothing.
	silent bool
	// refused says that the broker refuses idempotent writes.
	refused bool
	// unreachable holds the last error of each broker that cannot be connected to now.
	unreachable map[string]error
	last        error
	// connections are those that there are, to whatever broker.
	connections int
}

var (
	_ kgo.HookBrokerConnect    = (*health)(nil)
	_ kgo.HookBrokerDisconnect = (*health)(nil)
)

func newHealth(logger *zap.Logger) *health {
	return &health{logger: logger, status: exporterkit.NewStatus("cannot deliver to Kafka"), unreachable: map[string]error{}}
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (h *health) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	broker := net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))
	if err == nil {
		if h.unreachable[broker] != nil {
			h.logger.Info("Connected to Kafka", zap.String("broker", broker))
		}
		h.connections++
		delete(h.unreachable, broker)
		if h.last != nil && len(h.unreachable) == 0 {
			h.last = nil
		}
		return
	}
	if h.unreachable[broker] == nil {
		h.logger.Warn("Cannot connect to Kafka, trying again and again", zap.String("broker", broker), zap.Error(err),
			zap.String("next", "look at the broker, and at the exporter's brokers, tls and auth"))
	}
	h.unreachable[broker], h.last = err, err
	if h.connections == 0 { // one broker of several that is away is no error while the others take what there is
		h.status.Report(err)
	}
}

// OnBrokerDisconnect implements kgo.HookBrokerDisconnect.
func (h *health) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connections--
}

// lastConnect returns why a broker cannot be connected to, or nil.
func (h *health) lastConnect() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// attempted is told the outcome of an attempt: nil when Kafka took a message.
func (h *health) attempted(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && h.silent {
		h.logger.Info("Kafka takes messages again")
		h.silent = false
	}
	switch refused := errors.Is(err, errNotIdempotent); {
	case refused && !h.refused:
		h.logger.Error("Cannot deliver to Kafka, trying again and again", zap.Error(err),
			zap.String("next", "let the exporter's user write idempotently (IDEMPOTENT_WRITE), or set producer::required_acks to 1"))
		h.refused = true
	case err == nil && h.refused:
		h.logger.Info("Kafka takes idempotent writes now")
		h.refused = false
	}
	h.status.Report(err)
}

// stalled is told that an attempt gets on no more, and whether the cluster answers.
func (h *health) stalled(topics []string, since time.Duration, answers bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !answers {
		h.status.Report(fmt.Errorf("no broker answers, and none has taken a message for %s", since.Round(time.Second)))
	}
	if h.silent {
		return
	}
	h.silent = true
	text, next := "Kafka does not take messages: it answers, but not to them", "look at the brokers that lead the topics' partitions"
	if !answers {
		text, next = "Kafka does not answer: messages wait", "look whether the brokers hang, and at the network"
	}
	named := topics[:min(len(topics), 5)]
	h.logger.Error(text, zap.Strings("topics", named), zap.Int("topics_in_all", len(topics)), zap.Duration("since", since.Round(time.Second)),
		zap.String("next", next))
}
