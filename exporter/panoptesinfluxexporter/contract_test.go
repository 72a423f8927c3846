package panoptesinfluxexporter

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit/contracttest"
)

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	cfg := createDefaultConfig().(*Config)
	cfg.Client.Endpoint = "http://" + address
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, time.Millisecond
	cfg.Queue.Get().WaitForResult = true
	contracttest.Check(t, NewFactory(), cfg, func(next consumer.Metrics) component.Component {
		return &contractServer{address: address, next: next}
	})
}

// contractServer asks the contract's consumer about each request.
type contractServer struct {
	address string
	next    consumer.Metrics
	server  http.Server
}

func (s *contractServer) Start(context.Context, component.Host) error {
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch err := s.next.ConsumeMetrics(r.Context(), pmetric.NewMetrics()); {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
		case consumererror.IsPermanent(err):
			http.Error(w, `{"error":"database is required"}`, http.StatusBadRequest)
		default:
			http.Error(w, `{"error":"timeout"}`, http.StatusServiceUnavailable)
		}
	})
	go func() { _ = s.server.Serve(listener) }()
	return nil
}

func (s *contractServer) Shutdown(ctx context.Context) error { return s.server.Shutdown(ctx) }
