package sources

import (
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// kafkaLimits bound what topics can make a receiver hold: whoever may write to them names as many plugins as they like.
type kafkaLimits struct {
	sources int // topics and plugins of which there are sets
	set     int // bytes of one set
	total   int // bytes of all sets that are in force, or wait until a topic is read
}

var defaultKafkaLimits = kafkaLimits{sources: 1000, set: 16 << 20, total: 256 << 20}

// setKey is whose sets follow each other: a topic, and the plugin by its name and signature. The version of the plugin,
// which is part of a message's key, is none of it: a new version replaces the sets of the old one.
type setKey struct{ topic, plugin string }

// setSource is what a plugin put on a topic.
type setSource struct {
	*store.Source
	key  string // of the last set
	size int    // its bytes
	bad  error  // why it was not taken
	// at and ttl are the time of the last set, and the longest time to live in it.
	at  time.Time
	ttl time.Duration
	// until is when the source is forgotten, as its topic is not there any more; zero is not.
	until time.Time
}

// pluginOf is a message's key without the plugin's version: <name>:<version>:<signature>.
func pluginOf(key string) string {
	first, last := strings.IndexByte(key, ':'), strings.LastIndexByte(key, ':')
	if first == last {
		return key
	}
	return key[:first] + key[last:]
}

// take takes one message.
func (k *Kafka) take(r *kgo.Record) {
	t := k.topics[r.Topic]
	key := setKey{r.Topic, pluginOf(string(r.Key))}
	if t == nil || t.pending == nil {
		k.apply(key, r)
		return
	}
	last := t.pending[key]
	switch {
	case last == nil && len(t.pending) >= k.limits.sources:
		k.drop(nil, r, k.tooMany())
	case len(r.Value) > k.limits.set:
		k.drop(k.sources[key], r, k.tooLarge(r))
	case t.size+len(r.Value)-sizeOf(last) > k.limits.total:
		k.drop(k.sources[key], r, k.tooMuch())
	case r.Value != nil || last == nil || string(last.Key) == string(r.Key):
		t.size += len(r.Value) - sizeOf(last)
		t.pending[key] = r
	}
}

func sizeOf(r *kgo.Record) int {
	if r == nil {
		return 0
	}
	return len(r.Value)
}

func (k *Kafka) tooMany() error {
	return fmt.Errorf("there are sets of more than %d plugins, which is the most that are read", k.limits.sources)
}

func (k *Kafka) tooLarge(r *kgo.Record) error {
	return fmt.Errorf("the set has %d bytes, no more than %d are read", len(r.Value), k.limits.set)
}

func (k *Kafka) tooMuch() error {
	return fmt.Errorf("the sets of all plugins have more than %d bytes, which is the most that are read", k.limits.total)
}

// catchUp takes the last sets of a topic that was read.
func (k *Kafka) catchUp(t *setTopic) {
	for key, r := range t.pending {
		k.apply(key, r)
	}
	t.pending, t.size = nil, 0
}

// apply puts a set in force, or takes one back.
func (k *Kafka) apply(key setKey, r *kgo.Record) {
	src := k.sources[key]
	if r.Value == nil {
		// One that takes back the set of an older version says nothing about the newer one.
		if src != nil && src.key == string(r.Key) {
			k.close(key, src)
		}
		return
	}
	if src == nil {
		if len(k.sources) >= k.limits.sources {
			k.drop(nil, r, k.tooMany())
			return
		}
		src = &setSource{Source: k.out.Open(k.place(key))}
		k.sources[key] = src
	}
	switch {
	case len(r.Value) > k.limits.set:
		k.drop(src, r, k.tooLarge(r))
	case k.size-src.size+len(r.Value) > k.limits.total:
		k.drop(src, r, k.tooMuch())
	default:
		k.set(src, r)
	}
}

func (k *Kafka) set(src *setSource, r *kgo.Record) {
	src.key = string(r.Key)
	list, warnings, err := parse.Parse(parse.FormatJSON, r.Value, nil)
	if err != nil {
		k.drop(src, r, fmt.Errorf("the set is no JSON of resources: %w", err))
		return
	}
	warnEntries(k.logger(r), warnings)
	now := time.Now()
	at, known := kafkaclient.TimeOf(r)
	if !known || at.After(now) {
		at = now
	}
	k.size += len(r.Value) - src.size
	src.size, src.bad, src.at, src.ttl, src.until = len(r.Value), nil, at, longest(list), time.Time{}
	src.Set(list, at)
	if age := now.Sub(at); len(list) > 0 && age > src.ttl {
		k.drop(src, r, fmt.Errorf("the set is from %s: all that it lists has run out, after %s at the latest",
			at.UTC().Format(time.RFC3339), src.ttl))
	}
}

// longest is the longest time to live in a list.
func longest(list []*pluginsdk.Resource) (ttl time.Duration) {
	for _, res := range list {
		ttl = max(ttl, store.TimeToLive(res))
	}
	return ttl
}

// drop says that a set is not taken, and shows it at its source where there is one. What the source listed before stays
// for its times to live.
func (k *Kafka) drop(src *setSource, r *kgo.Record, err error) {
	k.settings.Failed()
	if src != nil {
		src.bad = err
		src.Fail(err)
	}
	logger := k.logger(r) // now: the message is not kept
	k.digest.Note("dropped\x00"+r.Topic+"\x00"+pluginOf(string(r.Key)), func(held int) {
		logger.Error("A resource set is dropped; the plugin's last one stays for its times to live", zap.Error(err), zap.Int("others", held),
			zap.String("next", "look at the plugin that discovers them, and at who writes to the topic"))
	})
}

// close takes a source away.
func (k *Kafka) close(key setKey, src *setSource) {
	src.Close()
	k.size -= src.size
	delete(k.sources, key)
}

// recover says that the source's topic can be read; what its last set was stays.
func (src *setSource) recover() {
	if src.bad != nil {
		src.Fail(src.bad)
		return
	}
	src.Recovered()
}

func (k *Kafka) logger(r *kgo.Record) *zap.Logger {
	return k.settings.Logger.With(zap.String("topic", r.Topic), zap.Int32("partition", r.Partition), zap.Int64("offset", r.Offset),
		zap.String("plugin", pluginOf(string(r.Key))))
}

func (k *Kafka) place(key setKey) store.Place {
	order := 0
	for i, topic := range k.settings.Topics {
		if topic == key.topic {
			order = i
		}
	}
	return store.Place{Kind: store.KindKafka, Order: order, Name: key.topic + " " + key.plugin}
}
