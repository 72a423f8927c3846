package sources

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
)

// KafkaSettings are what NewKafka takes.
type KafkaSettings struct {
	// Topics are topics of resource sets, <site>-resources.
	Topics []string
	// Options are those of the connection.
	Options []kgo.Opt
	// Logger gets a line when sets do not parse, and when Kafka or a topic goes away or comes back.
	Logger *zap.Logger
	// Failed is called for each set that is dropped, and when Kafka or a topic goes away, from the goroutine of Run.
	Failed func()
	// Listed is called once, from there, too, when all topics have been read up to where they ended.
	Listed func()
}

// Kafka reads topics of resource sets as compacted logs: of each key the last set counts. The sets of one topic and plugin
// are a source. The goroutine of Run owns all of it.
type Kafka struct {
	settings KafkaSettings
	out      *store.Store
	limits   kafkaLimits
	reader   *kafkaclient.Reader
	topics   map[string]*setTopic
	sources  map[setKey]*setSource
	size     int   // of the sets in force, in bytes
	lost     error // why no broker can be reached, as told
	waiting  bool  // told that topics are not there
	listed   bool  // Listed was called
	digest   *logs.Digest
}

// setTopic is a topic that is read.
type setTopic struct {
	// ends are where its partitions ended when it was found; nil where that is not known.
	ends map[int32]int64
	// pending are the last sets, until it is read up to there; nil from then on. Sets in the middle of the log may list what
	// is long gone.
	pending map[setKey]*kgo.Record
	size    int // of pending, in bytes
}

const (
	// pollTime bounds one wait for messages.
	pollTime = 2 * time.Second
	// lookInterval is the time between two looks at which topics there are: brokers that hang show in it, too.
	lookInterval = 5 * time.Second
	// maxPollRecords bounds how many sets are handled together.
	maxPollRecords = 1000
	// fetchBytes bounds what a broker hands out at once; it is enough for the largest set, which comes whatever its size.
	fetchBytes = 8 << 20
)

// NewKafka returns the source. It connects in Run.
func NewKafka(s KafkaSettings) (*Kafka, error) {
	k := &Kafka{settings: s, limits: defaultKafkaLimits, digest: logs.NewDigest(), topics: map[string]*setTopic{}, sources: map[setKey]*setSource{}}
	reader, err := kafkaclient.NewReader(kafkaclient.ReaderSettings{
		Names: s.Topics, Interval: lookInterval, Changed: k.changed,
		Options: append(slices.Clone(s.Options), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(fetchBytes)),
	})
	if err != nil {
		return nil, err
	}
	k.reader = reader
	return k, nil
}

// Run implements resource.Provider: it reads until ctx ends.
func (k *Kafka) Run(ctx context.Context, out *store.Store) {
	k.out = out
	defer k.reader.Close()
	defer k.digest.Stop()
	for ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, pollTime)
		fetches := k.reader.Poll(poll, maxPollRecords)
		idle := poll.Err() != nil && k.reader.Err() == nil
		cancel()
		k.findEnds(ctx)
		k.out.Together(func() {
			fetches.EachRecord(k.take)
			for name, t := range k.topics {
				if t.pending != nil && (idle || k.caughtUp(name, t)) {
					k.catchUp(t)
				}
			}
			k.forget(time.Now())
		})
		k.tellListed()
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

// changed follows a topic. It is called while the reader polls.
func (k *Kafka) changed(topic string, c kafkaclient.Change) {
	logger := k.settings.Logger.With(zap.String("topic", topic))
	switch c {
	case kafkaclient.Came:
		k.topics[topic] = &setTopic{pending: map[setKey]*kgo.Record{}}
	case kafkaclient.Again:
		k.topics[topic] = &setTopic{pending: map[setKey]*kgo.Record{}}
		logger.Warn("A topic of resource sets was deleted and made again: it is read from its beginning; what the old one listed stays for its times to live")
		k.fail(topic, fmt.Errorf("topic %q was deleted and made again, and has no set of the plugin yet", topic))
	case kafkaclient.Gone:
		k.settings.Failed()
		logger.Error("A topic of resource sets is not there any more; its resources stay for their times to live",
			zap.String("next", "look who deleted it; it is read again once it is there"))
		k.fail(topic, fmt.Errorf("topic %q is not there any more", topic))
	case kafkaclient.Back:
		logger.Info("A topic of resource sets is there again")
		for key, src := range k.sources {
			if key.topic == topic {
				src.recover()
				src.until = time.Time{}
			}
		}
	}
}

// fail says of the sources of a topic, "" for all topics, that nothing refreshes them.
func (k *Kafka) fail(topic string, err error) {
	for key, src := range k.sources {
		if key.topic == topic || topic == "" {
			src.Fail(err)
		}
		if key.topic == topic {
			src.until = src.at.Add(src.ttl)
		}
	}
}

// forget closes the sources of topics that are not there any more, once nothing that they list is alive.
func (k *Kafka) forget(now time.Time) {
	for key, src := range k.sources {
		if !src.until.IsZero() && now.After(src.until) {
			k.close(key, src)
		}
	}
}

// findEnds asks up to where topics have to be read before their sets count. Where that cannot be had, it is until nothing
// more comes.
func (k *Kafka) findEnds(ctx context.Context) {
	var names []string
	for name, t := range k.topics {
		if t.pending != nil && t.ends == nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 || k.reader.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	offsets, err := kadm.NewClient(k.reader.Client()).ListEndOffsets(ctx, names...)
	if err != nil {
		return
	}
	for _, name := range names {
		ends := map[int32]int64{}
		whole := len(offsets[name]) > 0
		for p, o := range offsets[name] {
			whole = whole && o.Err == nil
			ends[p] = o.Offset
		}
		if whole {
			k.topics[name].ends = ends
		}
	}
}

// caughtUp says whether a topic is read up to where it ended when it was found.
func (k *Kafka) caughtUp(name string, t *setTopic) bool {
	if t.ends == nil {
		return false
	}
	for p, end := range t.ends {
		if end > 0 && !k.reader.Read(name, p, end) {
			return false
		}
	}
	return true
}

// tellListed calls Listed, once.
func (k *Kafka) tellListed() {
	if k.listed {
		return
	}
	for _, name := range k.settings.Topics {
		if t := k.topics[name]; t == nil || t.pending != nil {
			return
		}
	}
	k.listed = true
	k.settings.Listed()
}

// tell logs when Kafka goes away, and when it comes back, and once which topics are not there.
func (k *Kafka) tell() {
	err := k.reader.Err()
	switch {
	case err != nil && k.lost == nil:
		k.settings.Failed()
		k.settings.Logger.Error("Cannot reach Kafka; resources stay for their times to live", zap.Error(err),
			zap.String("next", "look at the brokers, and at resources::kafka's brokers, tls and auth"))
		k.fail("", err)
	case err == nil && k.lost != nil:
		k.settings.Logger.Info("Kafka can be reached again")
		for _, src := range k.sources {
			if src.until.IsZero() {
				src.recover()
			}
		}
	}
	k.lost = err
	if err != nil || k.waiting {
		return
	}
	k.waiting = true
	for _, name := range k.settings.Topics {
		if k.topics[name] == nil {
			k.settings.Logger.Warn("A topic of resource sets is not there yet: it is waited for", zap.String("topic", name))
		}
	}
}
