package catalogue

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
)

// KafkaSettings are what NewKafka takes.
type KafkaSettings struct {
	// Topics are topics of resource sets, <site>-resources.
	Topics []string
	// Options are those of the connection.
	Options []kgo.Opt
	// Store gets what the sets list: the sets of one topic and plugin are a source.
	Store *store.Store
	// Logger gets a line when sets do not parse, and when Kafka goes away or comes back.
	Logger *zap.Logger
	// Failed is called for each set that does not parse, and when Kafka goes away, from the goroutine of Run.
	Failed func()
}

// Kafka reads topics of resource sets as compacted logs: of each key the last set counts. Run is its life.
type Kafka struct {
	settings KafkaSettings
	client   *kgo.Client
	sources  map[setKey]*setSource
	pending  map[setKey]*kgo.Record // last sets, until the topics were read once
	lost     atomic.Pointer[error]  // why no broker can be reached
	told     bool                   // of lost
	digest   *logs.Digest
}

// setKey is whose sets follow each other: a topic, and the plugin by its name and signature. The version of the plugin,
// which is part of a message's key, is none of it: a new version replaces the sets of the old one.
type setKey struct{ topic, plugin string }

type setSource struct {
	*store.Source
	key string // of the last set
}

const (
	// pollTime bounds one wait for messages.
	pollTime = 2 * time.Second
	// maxPollRecords bounds how many sets are handled together.
	maxPollRecords = 1000
)

// NewKafka returns the source. It connects in Run.
func NewKafka(s KafkaSettings) (*Kafka, error) {
	k := &Kafka{settings: s, digest: logs.NewDigest(), sources: map[setKey]*setSource{}, pending: map[setKey]*kgo.Record{}}
	client, err := kgo.NewClient(append(s.Options,
		kgo.ConsumeTopics(s.Topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.WithHooks(k))...)
	if err != nil {
		return nil, err
	}
	k.client = client
	return k, nil
}

var _ kgo.HookBrokerConnect = (*Kafka)(nil)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (k *Kafka) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		k.lost.Store(&err)
	} else {
		k.lost.Store(nil)
	}
}

// Run reads until ctx ends.
func (k *Kafka) Run(ctx context.Context) {
	defer k.client.Close()
	defer k.digest.Stop()
	ends := k.ends(ctx)
	for ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, pollTime)
		fetches := k.client.PollRecords(poll, maxPollRecords)
		idle := poll.Err() != nil
		cancel()
		k.settings.Store.Together(func() {
			fetches.EachRecord(func(r *kgo.Record) { k.take(r, ends) })
			if k.pending != nil && (len(ends) == 0 || idle && k.lost.Load() == nil) {
				k.catchUp()
			}
		})
		fetches.EachError(func(topic string, _ int32, err error) {
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
				k.digest.Note(topic, func(held int) {
					k.settings.Logger.Warn("Cannot read resource sets; it is tried again", zap.String("topic", topic), zap.Int("others", held), zap.Error(err))
				})
			}
		})
		k.tell()
	}
}

// ends are the offsets up to which the topics have to be read before their sets count: sets in the middle of the log
// may list what is long gone.
func (k *Kafka) ends(ctx context.Context) map[partition]int64 {
	ends := map[partition]int64{}
	admin := kadm.NewClient(k.client)
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, pollTime)
		offsets, err := admin.ListEndOffsets(try, k.settings.Topics...)
		cancel()
		if err == nil {
			offsets.Each(func(o kadm.ListedOffset) {
				if o.Err == nil && o.Offset > 0 {
					ends[partition{o.Topic, o.Partition}] = o.Offset
				}
			})
			return ends
		}
		if k.lost.Load() == nil {
			k.lost.Store(&err)
		}
		k.tell()
		select {
		case <-ctx.Done():
		case <-time.After(pollTime):
		}
	}
	return ends
}

type partition struct {
	topic  string
	number int32
}

// take takes one message.
func (k *Kafka) take(r *kgo.Record, ends map[partition]int64) {
	p := partition{r.Topic, r.Partition}
	if end, ok := ends[p]; ok && r.Offset+1 >= end {
		delete(ends, p)
	}
	key := setKey{r.Topic, pluginOf(string(r.Key))}
	if k.pending != nil {
		if last := k.pending[key]; r.Value != nil || last == nil || string(last.Key) == string(r.Key) {
			k.pending[key] = r
		}
		return
	}
	k.apply(key, r)
}

// catchUp takes the last sets of all keys.
func (k *Kafka) catchUp() {
	for key, r := range k.pending {
		k.apply(key, r)
	}
	k.pending = nil
}

// pluginOf is a message's key without the plugin's version: <name>:<version>:<signature>.
func pluginOf(key string) string {
	first, last := strings.IndexByte(key, ':'), strings.LastIndexByte(key, ':')
	if first == last {
		return key
	}
	return key[:first] + key[last:]
}

func (k *Kafka) apply(key setKey, r *kgo.Record) {
	src := k.sources[key]
	if r.Value == nil {
		// One that takes back the set of an older version says nothing about the newer one.
		if src != nil && src.key == string(r.Key) {
			src.Close()
			delete(k.sources, key)
		}
		return
	}
	if src == nil {
		src = &setSource{Source: k.settings.Store.Open(k.place(key))}
		k.sources[key] = src
	}
	src.key = string(r.Key)
	logger := k.settings.Logger.With(zap.String("topic", r.Topic), zap.Int32("partition", r.Partition), zap.Int64("offset", r.Offset))
	list, warnings, err := parse.Parse(parse.FormatJSON, r.Value)
	if err != nil {
		src.Fail(err)
		k.settings.Failed()
		logger.Error("Cannot load resource set; the last one stays for its times to live", zap.Error(err),
			zap.String("next", "mend the plugin that discovers them: the set is no JSON of resources"))
		return
	}
	warnEntries(logger, warnings)
	at := time.Now()
	if r.Timestamp.Before(at) {
		at = r.Timestamp
	}
	src.Set(list, at)
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

// tell logs when Kafka goes away, and when it comes back.
func (k *Kafka) tell() {
	lost := k.lost.Load()
	switch {
	case lost != nil && !k.told:
		k.told = true
		k.settings.Failed()
		k.settings.Logger.Error("Cannot reach Kafka; resources stay for their times to live", zap.Error(*lost),
			zap.String("next", "look at the brokers, and at resources::kafka's brokers, tls and auth"))
		for _, src := range k.sources {
			src.Fail(*lost)
		}
	case lost == nil && k.told:
		k.told = false
		k.settings.Logger.Info("Kafka can be reached again")
		for _, src := range k.sources {
			src.Mend()
		}
	}
}
