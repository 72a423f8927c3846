// Package route says where on Kafka a metrics group goes: topics, keys and partition, as Panoptes places it
// (docs/panoptes/formats.md, section 5; docs/mapping.md, "Topics and keys").
package route

import (
	"slices"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// DefaultGlobalTopic is the name of the topic for all sites.
const DefaultGlobalTopic = "panoptes-metrics"

// DefaultSuffix is the suffix of the site topic that every group has.
const DefaultSuffix = "processed"

// Options are the settings of Topics.
type Options struct {
	// SiteTopics sends each group to the topics of its resource's site.
	SiteTopics bool
	// GlobalTopic sends each group to one topic for all sites as well.
	GlobalTopic bool
	// GlobalTopicName is that topic's name; "" means DefaultGlobalTopic.
	GlobalTopicName string
	// Suffixes are the suffixes of site topics that every group has; nil means DefaultSuffix alone.
	Suffixes []string
}

// MessageKey returns the message key of a resource's groups: class, subclass and type, joined by ":". The parts are
// not escaped.
func MessageKey(r *pluginsdk.Resource) string { return r.Class + ":" + r.Subclass + ":" + r.Type }

// AppendPartitioningKey appends the key by which a group's partition is chosen: resource id, group type, then name and
// value of each dimension, ordered by name, all joined by "|". Without dimensions the third part is empty.
func AppendPartitioningKey(b []byte, g *pluginsdk.MetricsGroup) []byte {
	b = append(b, g.Resource.ID...)
	b = append(b, '|')
	b = append(b, g.Type...)
	b = append(b, '|')
	dimensions := g.Dimensions()
	if !slices.IsSortedFunc(dimensions, byName) {
		dimensions = g.SortedDimensions()
	}
	for i, d := range dimensions {
		if i > 0 {
			b = append(b, '|')
		}
		b = append(b, d.Name...)
		b = append(b, '|')
		b = append(b, d.Value...)
	}
	return b
}

func byName(a, b pluginsdk.Dimension) int { return strings.Compare(a.Name, b.Name) }

// Partition returns the partition of a key, as Kafka's Java client and Panoptes choose it; 0 where the number of
// partitions is not known (0 or less).
func Partition(partitioningKey []byte, partitions int32) int32 {
	if partitions <= 0 {
		return 0
	}
	return int32(hashing.Murmur2(partitioningKey)&0x7fffffff) % partitions
}

// Topics returns the distinct topics of a group: the site's, one a suffix, then the global one; none where both are
// off. pluginTopics is the text of the plugin's [topics] processed: suffixes separated by commas, with "" for none. A
// blank suffix (the text "," or " ") gives the topic "<site>-", as an empty option does in Panoptes. The bool says
// whether a name had to be changed to be legal on Kafka (see Sanitise).
func Topics(o Options, site, pluginTopics string) (topics []string, sanitised bool) {
	add := func(name string) {
		legal, changed := Sanitise(name)
		sanitised = sanitised || changed
		if !slices.Contains(topics, legal) {
			topics = append(topics, legal)
		}
	}
	if o.SiteTopics {
		if o.Suffixes == nil {
			add(site + "-" + DefaultSuffix)
		}
		for _, suffix := range o.Suffixes {
			add(site + "-" + suffix)
		}
		if pluginTopics != "" {
			for suffix := range strings.SplitSeq(pluginTopics, ",") {
				add(site + "-" + strings.TrimSpace(suffix))
			}
		}
	}
	if o.GlobalTopic {
		name := o.GlobalTopicName
		if name == "" {
			name = DefaultGlobalTopic
		}
		add(name)
	}
	return topics, sanitised
}

// maxTopicLength is Kafka's limit.
const maxTopicLength = 249

// Sanitise makes a legal topic name of any text, and says whether it had to: each character outside [a-zA-Z0-9._-]
// becomes "_"; "." and "..", which Kafka reserves, become "_" and "__"; the empty name becomes "_". A name longer than
// 249 keeps its first 240 characters, followed by "-" and the eight hexadecimal digits of the whole original name's
// Murmur2 hash, so that long names stay apart.
func Sanitise(name string) (string, bool) {
	if legal(name) {
		return name, false
	}
	var b strings.Builder
	for _, r := range name {
		if r >= 0x80 || !legalByte(byte(r)) {
			r = '_'
		}
		b.WriteByte(byte(r))
	}
	out := b.String()
	switch {
	case name == "":
		out = "_"
	case name == "." || name == "..":
		out = strings.Repeat("_", len(name))
	case len(out) > maxTopicLength:
		hash := "0000000" + strconv.FormatUint(uint64(hashing.Murmur2([]byte(name))), 16)
		out = out[:maxTopicLength-9] + "-" + hash[len(hash)-8:]
	}
	return out, true
}

func legal(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxTopicLength {
		return false
	}
	for i := range len(name) {
		if !legalByte(name[i]) {
			return false
		}
	}
	return true
}

func legalByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}
