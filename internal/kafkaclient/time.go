package kafkaclient

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TimeOf says when a message was written: by Kafka's own time of it or, where it has none, by the time that its JSON
// names. Messages of Panoptes have no time of Kafka's (docs/panoptes/formats.md, "Time of Kafka messages"). It returns false
// where neither says.
func TimeOf(r *kgo.Record) (time.Time, bool) {
	if r.Timestamp.UnixMilli() > 0 {
		return r.Timestamp, true
	}
	return timeOfText(r.Value)
}

// timeKeys are the top-level keys that say when a metrics group, a resource set or an enrichment set was made.
var timeKeys = map[string]bool{
	"metrics_group_creation_timestamp":        true,
	"resource_set_creation_timestamp":         true,
	"enrichment_group_set_creation_timestamp": true,
}

// timeOfText reads the time of the first object of a text: one object, a list of them, or one a line.
func timeOfText(text []byte) (time.Time, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	begin, err := d.Token()
	if err == nil && begin == json.Delim('[') {
		begin, err = d.Token()
	}
	if err != nil || begin != json.Delim('{') {
		return time.Time{}, false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			break
		}
		if name, ok := key.(string); ok && timeKeys[name] {
			return seconds(value)
		}
	}
	return time.Time{}, false
}

// seconds reads a number of seconds since 1970, or a text that holds one.
func seconds(value json.RawMessage) (time.Time, bool) {
	s, err := strconv.ParseFloat(string(bytes.Trim(value, `"`)), 64)
	const most = math.MaxInt64 / 1000 // beyond, there is no number of milliseconds
	if err != nil || !(s > 0) || s > most {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(s * 1000))), true
}
