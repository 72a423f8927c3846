// Package stream reads metrics groups from Kafka and shows them.
package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// AllProcessed is a pattern of the topics that carry metrics groups: those of all sites.
const AllProcessed = `^.+-processed$`

// connectLimit is how long the brokers may take to answer for the first time.
const connectLimit = 10 * time.Second

// Source says what to read.
type Source struct {
	Brokers []string
	// Topics are names; none means AllProcessed, with topics that come into being later.
	Topics []string
	// From is where to begin in each partition.
	From kgo.Offset
	// Logger takes what the client has to say; nil throws it away.
	Logger kgo.Logger
}

// ParseFrom reads where to begin: "start", "end", or "-N" for the last N messages of each partition.
func ParseFrom(text string) (kgo.Offset, error) {
	switch text {
	case "start":
		return kgo.NewOffset().AtStart(), nil
	case "end":
		return kgo.NewOffset().AtEnd(), nil
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n < 0 {
		return kgo.NewOffset().AtEnd().Relative(n), nil
	}
	return kgo.Offset{}, exit.Misusef("unknown --from %q: expected start, end, or -N for the last N messages of each partition", text)
}

// Open returns a client that reads from the source, once the brokers have answered. Close it.
func Open(ctx context.Context, s Source) (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.Brokers...),
		kgo.ClientID("panoptes-cli"),
		kgo.ConsumeResetOffset(s.From),
		// A topic that comes into being, as on the first message of a site, shows soon.
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.MetadataMaxAge(time.Second),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.UnknownTopicRetries(-1),
	}
	if s.Logger != nil {
		opts = append(opts, kgo.WithLogger(s.Logger))
	}
	if len(s.Topics) > 0 {
		opts = append(opts, kgo.ConsumeTopics(s.Topics...))
	} else {
		opts = append(opts, kgo.ConsumeTopics(AllProcessed), kgo.ConsumeRegex())
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, exit.Misuse(err)
	}
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if err := client.Ping(limited); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("no broker of %s answers: %w", strings.Join(s.Brokers, ", "), err)
	}
	return client, nil
}

// Each calls visit for each record, in the order of arrival, until visit returns false, ctx is done or the client is
// closed. Errors of single partitions go to complain, each text once; the reading goes on.
func Each(ctx context.Context, client *kgo.Client, complain func(error), visit func(*kgo.Record) (bool, error)) error {
	said := map[string]bool{}
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return nil
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			err = fmt.Errorf("topic %q, partition %d: %w", topic, partition, err)
			if !errors.Is(err, context.Canceled) && !said[err.Error()] {
				said[err.Error()] = true
				complain(err)
			}
		})
		for it := fetches.RecordIter(); !it.Done(); {
			if more, err := visit(it.Next()); err != nil || !more {
				return err
			}
		}
	}
}
