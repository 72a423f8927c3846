package panoptesjsonexporter

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit/contracttest"
)

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	cfg := createDefaultConfig().(*Config)
	cfg.Client.Brokers = []string{fmt.Sprintf("127.0.0.1:%d", port)}
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, time.Millisecond
	synchronous(cfg)
	contracttest.Check(t, NewFactory(), cfg, func(next consumer.Metrics) component.Component {
		return &contractBroker{port: port, next: next}
	})
}

// contractBroker is a broker that asks the contract's consumer about each request of messages.
type contractBroker struct {
	port    int
	next    consumer.Metrics
	cluster *kfake.Cluster
}

func (b *contractBroker) Start(context.Context, component.Host) (err error) {
	b.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(b.port), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	if err != nil {
		return err
	}
	b.cluster.ControlKey(produceKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		switch err := b.next.ConsumeMetrics(context.Background(), pmetric.NewMetrics()); {
		case err == nil:
			return nil, nil, false
		case consumererror.IsPermanent(err):
			return rejectAll(req.(*kmsg.ProduceRequest), kerr.InvalidRecord.Code), nil, true
		default:
			return rejectAll(req.(*kmsg.ProduceRequest), kerr.UnknownServerError.Code), nil, true
		}
	})
	return nil
}

func (b *contractBroker) Shutdown(context.Context) error {
	if b.cluster == nil {
		return errors.New("it was not started")
	}
	b.cluster.Close()
	return nil
}
