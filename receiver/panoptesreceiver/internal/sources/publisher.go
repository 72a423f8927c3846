package sources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Unsent says why a resource set was not sent. The list is closed: it is an attribute of metrics.
type Unsent string

const (
	// UnsentFailed: the brokers did not take it.
	UnsentFailed Unsent = "failed"
	// UnsentTooLarge: it has more bytes than a set may have.
	UnsentTooLarge Unsent = "too_large"
	// UnsentTooMany: there are more sets than are sent.
	UnsentTooMany Unsent = "too_many"
	// UnsentBadTopic: its site cannot be part of a topic's name.
	UnsentBadTopic Unsent = "bad_topic"
	// UnsentIncomplete: a source has listed nothing yet, so that the set may lack what it lists.
	UnsentIncomplete Unsent = "incomplete"
)

// PublisherSettings are what NewPublisher takes. The functions are called from the goroutine of Run alone.
type PublisherSettings struct {
	// Options are those of the connection.
	Options []kgo.Opt
	// Interval is the most time between two sets of one plugin and site.
	Interval time.Duration
	// Elsewhere is set where what plugins discover is published by a SetWriter.
	Elsewhere bool
	// Owns says whether this Collector sends the sets of a plugin.
	Owns func(plugin string) bool
	// Logger gets a line for each set that cannot be sent, once.
	Logger *zap.Logger
	// Sent and Unsent count sets.
	Sent   func(sets int)
	Unsent func(reason Unsent, sets int)
}

// Publisher sends what a store knows, except what Kafka told it, to <site>-resources: one whole set for each plugin and site, again and
// again, as Panoptes' discovery does. The goroutine of Run owns all of it.
type Publisher struct {
	settings PublisherSettings
	client   *kgo.Client
	limits   kafkaLimits
	digest   *logs.Digest
	least    time.Duration // between two rounds
	sendFor  time.Duration // bounds how long sets that are sent together may take
	started  time.Time
}

// NewPublisher returns a publisher. It connects when there is something to send.
func NewPublisher(s PublisherSettings) (*Publisher, error) {
	client, err := setClient(s.Options, defaultKafkaLimits.set+1<<20)
	if err != nil {
		return nil, err
	}
	return &Publisher{settings: s, client: client, limits: defaultKafkaLimits, digest: logs.NewDigest(), least: time.Second, sendFor: 10 * time.Second}, nil
}

// Run sends sets until ctx ends. The first are sent after an interval, when sources have had time to list what there is.
func (p *Publisher) Run(ctx context.Context, out *store.Store) {
	p.started = time.Now()
	timer := time.NewTimer(p.settings.Interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(p.round(ctx, out, time.Now()))
		}
	}
}

// Close ends the connection. What is being sent is given up.
func (p *Publisher) Close() {
	p.client.Close()
	p.digest.Stop()
}

// resourceSet is what is known of a plugin and a site.
type resourceSet struct {
	plugin, site string
	list         []*pluginsdk.Resource
}

// round sends all sets once, and returns the time until the next round, by which no resource runs out where it is read.
func (p *Publisher) round(ctx context.Context, out *store.Store, now time.Time) time.Duration {
	sets, shortest := p.gather(out.Entries(), now)
	if place, ok := p.waits(out); ok && len(sets) > 0 && now.Sub(p.started) < shortest/2 {
		p.unsent(UnsentIncomplete, "", len(sets), fmt.Errorf("%s has listed no resources yet; without them sets would take them away where they are read", place))
	} else {
		p.sendAll(ctx, sets, now)
	}
	if len(sets) == 0 {
		return p.settings.Interval
	}
	return max(min(p.settings.Interval, shortest/2), p.least)
}

// waits returns a source that is yet to list resources.
func (p *Publisher) waits(out *store.Store) (store.Place, bool) {
	for _, src := range out.Sources() {
		mine := src.Kind != store.KindKafka && (src.Kind != store.KindDiscovery || !p.settings.Elsewhere)
		if mine && src.Refreshed.IsZero() {
			return src.Place, true
		}
	}
	return store.Place{}, false
}

// gather sorts what this Collector sends into sets. shortest is the shortest time to live in them.
func (p *Publisher) gather(entries []store.Entry, now time.Time) (sets []resourceSet, shortest time.Duration) {
	at := map[[2]string]int{}
	owned := map[string]bool{}
	for i := range entries {
		res := own(&entries[i], now)
		if res == nil {
			continue
		}
		mine, known := owned[res.Plugin]
		if !known {
			mine = p.settings.Owns(res.Plugin)
			owned[res.Plugin] = mine
		}
		if !mine {
			continue
		}
		key := [2]string{res.Site, res.Plugin}
		n, ok := at[key]
		if !ok {
			n = len(sets)
			at[key], sets = n, append(sets, resourceSet{plugin: res.Plugin, site: res.Site})
		}
		sets[n].list = append(sets[n].list, res)
		if ttl := store.TimeToLive(res); shortest == 0 || ttl < shortest {
			shortest = ttl
		}
	}
	slices.SortFunc(sets, func(a, b resourceSet) int {
		return cmp.Or(cmp.Compare(a.site, b.site), cmp.Compare(a.plugin, b.plugin))
	})
	return sets, shortest
}

// own is what sources other than Kafka say of a resource, with the time that it was seen first; nil where none lists it. What
// was read from Kafka is left alone even where it counts: it is there already.
func own(e *store.Entry, now time.Time) *pluginsdk.Resource {
	for i := len(e.Claims) - 1; i >= 0; i-- {
		c := &e.Claims[i]
		if c.Kind == store.KindKafka || now.After(c.Expires) {
			continue
		}
		res := *c.Resource
		res.CreationTimestamp = e.Resource.CreationTimestamp
		return &res
	}
	return nil
}

// sendAll sends sets, as many together as one set may have bytes.
func (p *Publisher) sendAll(ctx context.Context, sets []resourceSet, now time.Time) {
	if n := len(sets) - p.limits.sources; n > 0 {
		p.unsent(UnsentTooMany, "", n, fmt.Errorf("there are resources of %d plugins and sites; no more than %d sets are sent", len(sets), p.limits.sources))
		sets = sets[:p.limits.sources]
	}
	var (
		records []*kgo.Record
		size    int
	)
	for _, set := range sets {
		topic := set.site + "-resources"
		if _, illegal := route.Sanitise(topic); illegal {
			p.unsent(UnsentBadTopic, topic, 1, fmt.Errorf("no topic can be called %q: correct resource_site", logs.OneLine(topic)))
			continue
		}
		text := appendSet(nil, set.list, now)
		if len(text) > p.limits.set {
			p.unsent(UnsentTooLarge, topic, 1, fmt.Errorf("the set of plugin %q for topic %q has %d bytes, no more than %d are sent: "+
				"give some of its resources another resource_plugin", set.plugin, topic, len(text), p.limits.set))
			continue
		}
		if size += len(text); size > p.limits.set {
			p.send(ctx, records)
			records, size = nil, len(text)
		}
		records = append(records, &kgo.Record{Topic: topic, Key: []byte(set.plugin + ":1:" + setSignature), Value: text, Timestamp: now})
	}
	p.send(ctx, records)
}

func (p *Publisher) send(ctx context.Context, records []*kgo.Record) {
	if len(records) == 0 || ctx.Err() != nil {
		return
	}
	wait, cancel := context.WithTimeout(ctx, p.sendFor)
	defer cancel()
	sent := 0
	for _, r := range p.client.ProduceSync(wait, records...) {
		if r.Err == nil {
			sent++
			continue
		}
		if ctx.Err() != nil {
			continue // it ends
		}
		if !errors.Is(r.Err, context.DeadlineExceeded) {
			p.client.PurgeTopicsFromProducing(r.Record.Topic) // it may have been deleted and made again
		}
		p.unsent(UnsentFailed, r.Record.Topic, 1, fmt.Errorf("cannot write to topic %q: %w", r.Record.Topic, r.Err))
	}
	p.settings.Sent(sent)
}

// unsent counts sets, and logs why they are not sent, with one line of each reason and topic, "" for all topics, in a minute.
func (p *Publisher) unsent(reason Unsent, topic string, sets int, err error) {
	p.settings.Unsent(reason, sets)
	p.digest.Note(string(reason)+"\x00"+topic, func(held int) {
		p.settings.Logger.Error("Cannot publish a resource set; it is tried again", zap.String("reason", string(reason)),
			zap.Int("others", held), zap.Error(err),
			zap.String("next", "look at resources::publish, its brokers and their permissions, and at the sources of resources"))
	})
}
