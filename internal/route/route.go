// Package route says where on Kafka a metrics group goes: topics, keys and partition, as Panoptes places it
// (docs/panoptes/formats.md, section 5; docs/topics.md).
package route

import "github.com/panoptes-otel/panoptes-otel/pluginsdk"

// Options are the settings of Topics.
type Options struct {
	// SiteTopics sends each group to the topics of its resource's site.
	SiteTopics bool
	// GlobalTopic sends each group to one topic for all sites as well.
	GlobalTopic bool
	// GlobalTopicName is that topic's name; "" means "panoptes-metrics".
	GlobalTopicName string
	// Suffixes are the suffixes of site topics that every group has; nil means "processed".
	Suffixes []string
}

// MessageKey returns the message key of a resource's groups: class, subclass and type, joined by ":".
func MessageKey(r *pluginsdk.Resource) string { return r.Class + ":" + r.Subclass + ":" + r.Type }

// AppendPartitioningKey appends the key by which a group's partition is chosen.
func AppendPartitioningKey(b []byte, _ *pluginsdk.MetricsGroup) []byte { return b }

// Partition returns the partition of a key.
func Partition(_ []byte, _ int32) int32 { return 0 }

// Topics returns the topics of a group: none where both SiteTopics and GlobalTopic are off.
func Topics(_ Options, _, _ string) (topics []string, sanitised bool) { return nil, false }
