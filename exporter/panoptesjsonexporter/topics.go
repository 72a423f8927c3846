package panoptesjsonexporter

import (
	"path"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// topicTable knows the topics that groups are sent to, and bounds them: their names come from data, and a broker keeps
// for good what it is once asked to create. It is safe for concurrent use.
type topicTable struct {
	logger *zap.Logger
	hourly *logs.Hourly
	now    func() time.Time
	// allow are the patterns of path.Match that a name must match one of; none allows all.
	allow []string
	// limit is the most topics there may be.
	limit int
	// global is the topic that all sites share on purpose, "" where there is none.
	global string
	// autoCreate says whether brokers are asked to create topics.
	autoCreate bool

	// plugins counts for boards; set when the exporter starts.
	plugins *exporterkit.Plugins
	// refused is how many topics Kafka refuses, so that a batch without trouble need not look at each message.
	refused atomic.Int64
	// held is of how many topics messages are in the held queue.
	held   atomic.Int64
	mu     sync.Mutex
	topics map[string]*topic
}

func newTopicTable(cfg *Config, logger *zap.Logger, told *logs.Hourly) *topicTable {
	t := &topicTable{
		logger: logger, hourly: told, now: time.Now,
		allow: cfg.Topics.Allow, limit: cfg.Topics.Max, autoCreate: cfg.Producer.AllowAutoTopicCreation,
		topics: map[string]*topic{},
	}
	if cfg.Topics.Global {
		t.global = cfg.Topics.GlobalName
	}
	return t
}

// destination is where the groups of a site go. It does not change.
type destination struct {
	names []string // as the codec has them
	// topics are those of names that may be used.
	topics []*topic
	// dropped is why one of names may not be used, "" where all may.
	dropped string
	// shared says that another site had one of the topics first.
	shared bool
}

// is says whether a group goes there: the codec hands out one slice for all groups of a site and plugin.
func (d *destination) is(m *panoptesjson.Message) bool {
	return len(d.names) > 0 && len(m.Topics) > 0 && &d.names[0] == &m.Topics[0]
}

func (t *topicTable) destination(m *panoptesjson.Message) destination {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := destination{names: m.Topics}
	if len(m.Topics) == 0 {
		d.dropped = reasonNoTopic
	}
	for _, name := range m.Topics {
		tp, reason := t.use(name, m.Site)
		if tp == nil {
			d.dropped = reason
			continue
		}
		d.topics = append(d.topics, tp)
		if tp.site != m.Site && name != t.global {
			d.shared = true
			if t.hourly.First("shared\x00" + name + "\x00" + m.Site) {
				t.logger.Warn("Two sites share a Kafka topic, since their names are the same except for characters that Kafka does not allow",
					zap.String("topic", name), zap.String("resource_site", m.Site), zap.String("first_site", tp.site))
			}
		}
	}
	return d
}

// named returns a topic of which messages are held.
func (t *topicTable) named(name string) *topic {
	t.mu.Lock()
	defer t.mu.Unlock()
	tp := t.topics[name]
	if tp == nil { // of a queue that an earlier Collector left
		tp = &topic{name: name, table: t}
		t.topics[name] = tp
	}
	return tp
}

// use returns a topic, or why it may not be used. It is called with the lock.
func (t *topicTable) use(name, site string) (*topic, string) {
	if tp := t.topics[name]; tp != nil {
		return tp, ""
	}
	if !t.allowed(name) {
		if t.hourly.First("allow\x00" + name) {
			t.logger.Error("A topic is not in topics::allow: its metrics groups are dropped",
				zap.String("topic", name), zap.String("resource_site", site), zap.Strings("allow", t.allow))
		}
		return nil, reasonTopicNotAllowed
	}
	if len(t.topics) >= t.limit {
		// One line for all of them: it is the number that somebody has to look at.
		if t.hourly.First("limit") {
			t.logger.Error("There are as many topics as topics::max allows: the metrics groups of further ones are dropped",
				zap.String("topic", name), zap.String("resource_site", site), zap.Int("max", t.limit))
		}
		return nil, reasonTooManyTopics
	}
	tp := &topic{name: name, site: site, table: t}
	t.topics[name] = tp
	return tp, ""
}

func (t *topicTable) allowed(name string) bool {
	for _, pattern := range t.allow {
		// Validate has seen to the pattern.
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return len(t.allow) == 0
}
