//go:build e2e && kafka

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// loadSeries is how many series the good site has.
const loadSeries = 20

// load sends batches over OTLP, one after the other, each until it is acknowledged, as a client does that must not lose
// any. Batch n has the value n for each series.
type load struct {
	acked atomic.Int64
	quit  context.CancelFunc
	done  chan error
}

func startLoad(t *testing.T, d *durability) *load {
	t.Helper()
	ctx, quit := context.WithCancel(context.Background())
	l := &load{quit: quit, done: make(chan error, 1)}
	t.Cleanup(quit)
	go func() {
		url := fmt.Sprintf("http://127.0.0.1:%d/v1/metrics", d.port)
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for ctx.Err() == nil {
			data, err := loadBatch(d.site, l.acked.Load())
			if err != nil {
				l.done <- err
				return
			}
			for !post(url, data) {
				<-pace.C
			}
			l.acked.Add(1)
			<-pace.C
		}
		l.done <- nil
	}()
	return l
}

// waitForBatches waits until count more are acknowledged.
func (l *load) waitForBatches(t *testing.T, count int) {
	t.Helper()
	until := l.acked.Load() + int64(count)
	waitFor(t, fmt.Sprintf("batch %d", until), func() (bool, string) {
		return l.acked.Load() >= until, fmt.Sprintf("%d are acknowledged", l.acked.Load())
	})
}

// stop returns how many batches were acknowledged.
func (l *load) stop(t *testing.T) int {
	t.Helper()
	l.quit()
	require.NoError(t, <-l.done)
	return int(l.acked.Load())
}

// incompressible is too large for the topic that takes small messages only, since Kafka measures what is compressed.
var incompressible = func() string {
	text, random := make([]byte, 12_000), rand.New(rand.NewPCG(1, 2))
	for i := range text {
		text[i] = byte('a' + random.IntN(26))
	}
	return string(text)
}()

// tooLargeEvery is how many batches hold one group that is too large: to find it takes some requests.
const tooLargeEvery = 10

// loadBatch is a group of each series of the good site, one for a topic that may not be written to, and one for a topic
// that takes small messages only, beside which there may be one that is too large.
func loadBatch(site string, n int64) ([]byte, error) {
	b := pdata.NewBuilder(pdata.Options{})
	add := func(site string, series int, padding string) error {
		g, err := pluginsdk.NewMetricsGroup(&pluginsdk.Resource{
			Site: site, Class: "c", Subclass: "s", Type: "t", ID: "r" + strconv.Itoa(series%5), Endpoint: "e", Plugin: "p",
			CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1600000000)),
		}, "load", time.Minute)
		if err != nil {
			return err
		}
		at := pluginsdk.Int(1600000000 + n)
		g.Timestamp = pluginsdk.NumberTimestamp(at)
		if err := g.AddMetric(pluginsdk.Metric{Name: "n", Value: pluginsdk.Int(n), Timestamp: at}); err != nil {
			return err
		}
		if err := g.AddDimension("series", strconv.Itoa(series)); err != nil {
			return err
		}
		if padding != "" {
			if err := g.AddDimension("padding", padding); err != nil {
				return err
			}
		}
		b.Add(pdata.Scope{Plugin: "load"}, g)
		return nil
	}
	for series := range loadSeries {
		if err := add(site, series, ""); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(add(site+"-denied", 0, ""), add(site+"-small", 0, "")); err != nil {
		return nil, err
	}
	if n%tooLargeEvery == 0 {
		if err := add(site+"-small", 1, incompressible); err != nil {
			return nil, err
		}
	}
	// An export request of OTLP has the form of metrics on their own.
	return (&pmetric.ProtoMarshaler{}).MarshalMetrics(b.Take())
}

// arrived is what a consumer found of a load.
type arrived struct{ messages, duplicates, reordered int }

// readSeries consumes a topic until it has the values 0 to count-1 of each series, and then as far as the topic goes. It
// fails when one is missing for long, or when there is one that was not sent.
func readSeries(t *testing.T, topic string, series, count int) arrived {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv("KAFKA_BOOTSTRAP")), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	var out arrived
	seen := make([]map[int]bool, series)
	newest := make([]int, series)
	for i := range seen {
		seen[i], newest[i] = map[int]bool{}, -1
	}
	missing := series * count
	deadline, cancel := context.WithTimeout(context.Background(), 5*patience)
	defer cancel()
	offsets := map[int32]int64{}
	for missing > 0 || !atEnd(t, client, topic, offsets) {
		fetches := client.PollFetches(deadline)
		require.NoError(t, deadline.Err(), "%d of %d values are missing", missing, series*count)
		fetches.EachRecord(func(r *kgo.Record) {
			offsets[r.Partition] = r.Offset + 1
			out.messages++
			s, n := numberAfter(t, r.Value, `"dimension_value": "`), numberAfter(t, r.Value, `"metric_value": `)
			require.True(t, s < series && n < count+1, "no such value was sent: %.1000s", r.Value)
			switch {
			case seen[s][n]:
				out.duplicates++
			case n < count:
				missing--
			}
			if n < newest[s] {
				out.reordered++
			}
			seen[s][n], newest[s] = true, max(n, newest[s])
		})
	}
	return out
}

// numberAfter reads the digits behind a text.
func numberAfter(t *testing.T, value []byte, text string) int {
	t.Helper()
	_, after, found := strings.Cut(string(value), text)
	require.True(t, found, "%s", value)
	n, err := strconv.Atoi(after[:strings.IndexAny(after, `",}`)])
	require.NoError(t, err)
	return n
}

func atEnd(t *testing.T, client *kgo.Client, topic string, offsets map[int32]int64) bool {
	t.Helper()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	end := true
	ends.Each(func(o kadm.ListedOffset) { end = end && offsets[o.Partition] >= o.Offset })
	return end
}
