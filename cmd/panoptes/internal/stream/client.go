// Package stream reads metrics groups from Kafka and shows them.
package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// connectLimit is how long the brokers may take to answer for the first time.
const connectLimit = 10 * time.Second

// Source says what to read.
type Source struct {
	Connection
	// Topics are names, and patterns with * and ?; none means AllProcessed.
	Topics []string
	// From is where to begin in each partition. Topics that come later are read from their beginnings.
	From From
	// Logger takes what the client has to say; nil throws it away.
	Logger kgo.Logger
}

// Reading reads from a source.
type Reading struct {
	reader *kafkaclient.Reader
	notes  []string
}

// lookInterval is the time between two looks at which topics there are.
const lookInterval = time.Second

// Open returns what reads from the source, once the brokers have answered. Close it.
func Open(ctx context.Context, s Source) (*Reading, error) {
	opts, err := s.options(ctx)
	if err != nil {
		return nil, err
	}
	logger := &lateLogger{Logger: s.Logger}
	own := []kgo.Opt{
		// Where an offset is not there any more, the topic is another one, or its oldest messages are deleted.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(lookInterval / 4),
		kgo.FetchMaxWait(500 * time.Millisecond),
	}
	if s.Logger != nil {
		own = append(own, kgo.WithLogger(logger))
	}
	r := &Reading{}
	settings := kafkaclient.ReaderSettings{
		Options: append(slices.Clone(opts), own...), Interval: lookInterval, Changed: r.changed, Begin: s.From.begin(opts),
	}
	settings.Names, settings.Match = wanted(s.Topics)
	if r.reader, err = kafkaclient.NewReader(settings); err != nil {
		return nil, exit.Misuse(err)
	}
	if err := s.answer(ctx, r.reader.Client()); err != nil {
		return nil, err
	}
	logger.connected.Store(true)
	return r, nil
}

// Close ends the reading.
func (r *Reading) Close() { r.reader.Close() }

// changed notes what becomes of a topic. It is called while Each polls.
func (r *Reading) changed(topic string, c kafkaclient.Change) {
	text := map[kafkaclient.Change]string{
		kafkaclient.Again: "was deleted and made again: it is read from its beginning",
		kafkaclient.Gone:  "is not there any more: it is waited for",
		kafkaclient.Back:  "is there again",
	}[c]
	if text != "" {
		r.notes = append(r.notes, fmt.Sprintf("topic %q %s", topic, text))
	}
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
	return client, c.answer(ctx, client)
}

// answer waits until the brokers have answered a client, and closes it if they do not.
func (c *Connection) answer(ctx context.Context, client *kgo.Client) error {
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if err := client.Ping(limited); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.unreachable(err)
	}
	return nil
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

// Each calls visit for each record, in the order of arrival, until visit returns false, ctx is done or the reading is
// closed. Errors of single partitions, and what becomes of topics, go to complain, an error each once; the reading goes on.
func (r *Reading) Each(ctx context.Context, complain func(string), visit func(*kgo.Record) (bool, error)) error {
	said := map[string]bool{}
	for {
		fetches := r.reader.Poll(ctx, 0)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return nil
		}
		for _, note := range r.notes {
			complain(note)
		}
		r.notes = nil
		fetches.EachError(func(topic string, partition int32, err error) {
			text := fmt.Sprintf("topic %q, partition %d: %v", topic, partition, err)
			if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !said[text] {
				said[text] = true
				complain(text)
			}
		})
		for it := fetches.RecordIter(); !it.Done(); {
			if more, err := visit(it.Next()); err != nil || !more {
				return err
			}
		}
	}
}
