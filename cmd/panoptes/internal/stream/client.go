// Package stream reads metrics groups from Kafka and shows them.
package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// connectLimit is how long the brokers may take to answer for the first time.
const connectLimit = 10 * time.Second

// Source says what to read.
type Source struct {
	Connection
	// Topics are names, and patterns with * and ?; none means AllProcessed.
	Topics []string
	// From is where to begin in each partition.
	From kgo.Offset
	// Logger takes what the client has to say; nil throws it away.
	Logger kgo.Logger
}

// Open returns a client that reads from the source, once the brokers have answered. Close it.
func Open(ctx context.Context, s Source) (*kgo.Client, error) {
	opts, err := s.options(ctx)
	if err != nil {
		return nil, err
	}
	opts = append(
		opts,
		kgo.ConsumeResetOffset(s.From),
		// A topic that comes into being, as on the first message of a site, shows soon.
		kgo.MetadataMinAge(250*time.Millisecond),
		kgo.MetadataMaxAge(time.Second),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.UnknownTopicRetries(-1),
	)
	opts = append(opts, consume(s.Topics)...)
	logger := &lateLogger{Logger: s.Logger}
	if s.Logger != nil {
		opts = append(opts, kgo.WithLogger(logger))
	}
	client, err := s.connect(ctx, opts)
	if err != nil {
		return nil, err
	}
	logger.connected.Store(true)
	return client, nil
}

// Connect returns a client that neither reads nor writes by itself, once the brokers have answered. Close it.
func (c *Connection) Connect(ctx context.Context) (*kgo.Client, error) {
	opts, err := c.options(ctx)
	if err != nil {
		return nil, err
	}
	return c.connect(ctx, opts)
}

// connect makes a client, and waits until the brokers have answered.
func (c *Connection) connect(ctx context.Context, opts []kgo.Opt) (*kgo.Client, error) {
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
		return nil, c.unreachable(err)
	}
	return client, nil
}

// lateLogger says nothing before the brokers have answered: what goes wrong until then is an error, and told once.
type lateLogger struct {
	kgo.Logger
	connected atomic.Bool
}

// Level implements kgo.Logger.
func (l *lateLogger) Level() kgo.LogLevel {
	if l.connected.Load() {
		return l.Logger.Level()
	}
	return kgo.LogLevelNone
}

// unreachable tells what is wrong with the brokers.
func (c *Connection) unreachable(err error) error {
	brokers := strings.Join(c.Brokers, ", ")
	var explained *kgo.ErrFirstReadEOF
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("brokers %s refuse the login of %q: %w", brokers, c.User, err)
	case errors.Is(err, io.EOF) && !errors.As(err, &explained):
		return fmt.Errorf("brokers %s close the connection: they may want TLS, or not the login of %q: %w", brokers, c.User, err)
	}
	return fmt.Errorf("no broker of %s answers: %w", brokers, err)
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
