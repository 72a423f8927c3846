package sources

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// SetWriter puts resource sets on topics as Panoptes' discovery does, for all that read them. It is safe for concurrent use.
type SetWriter struct {
	client *kgo.Client
	topics []string
	now    func() time.Time
}

// NewSetWriter returns a writer to some topics, <site>-resources. It connects when there is something to write.
func NewSetWriter(topics []string, options []kgo.Opt) (*SetWriter, error) {
	client, err := setClient(options, defaultKafkaLimits.set)
	if err != nil {
		return nil, err
	}
	return &SetWriter{client: client, topics: topics, now: time.Now}, nil
}

// setClient returns a client that writes sets, in batches of at most so many bytes.
func setClient(options []kgo.Opt, most int) (*kgo.Client, error) {
	return kgo.NewClient(append(slices.Clone(options), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.GzipCompression()), // the stock consumers of Panoptes have no other codec
		kgo.ProducerBatchMaxBytes(int32(most)))...)
}

// Write puts what a plugin found on the topics of the resources' sites, a set for each, and waits until the brokers have
// them. A set replaces the plugin's last one, of whatever version.
func (w *SetWriter) Write(ctx context.Context, plugin, version string, found []*pluginsdk.Resource) error {
	sites := map[string][]*pluginsdk.Resource{}
	for _, res := range found {
		sites[res.Site] = append(sites[res.Site], res)
	}
	var (
		records []*kgo.Record
		errs    []error
	)
	now := w.now()
	for _, site := range slices.Sorted(maps.Keys(sites)) {
		topic := site + "-resources"
		if !slices.Contains(w.topics, topic) {
			errs = append(errs, fmt.Errorf("the %d resources of site %q have no topic that is read: add %q to resources::kafka::topics",
				len(sites[site]), site, topic))
			continue
		}
		records = append(records, &kgo.Record{
			Topic: topic, Key: []byte(plugin + ":" + version + ":" + setSignature), Value: appendSet(nil, sites[site], now), Timestamp: now,
		})
	}
	for _, r := range w.client.ProduceSync(ctx, records...) {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("cannot write the resources to topic %q: %w", r.Record.Topic, r.Err))
		}
	}
	return errors.Join(errs...)
}

// setSignature stands where a key has the signature of the plugin's file in Panoptes. It stays, so that the sets of all
// versions follow each other.
const setSignature = "otel"

// appendSet appends a set in Panoptes' form.
func appendSet(b []byte, list []*pluginsdk.Resource, at time.Time) []byte {
	b = append(b, `{"resources": [`...)
	for i, res := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = res.AppendJSON(b)
	}
	b = append(b, `], "resource_set_creation_timestamp": `...)
	b = strconv.AppendFloat(b, float64(at.UnixMilli())/1000, 'f', -1, 64)
	return append(b, `, "resource_set_schema_version": "0.1"}`...)
}

// Close ends the connection. What is being written is given up.
func (w *SetWriter) Close() { w.client.Close() }
