package stream

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Message is what a record of Kafka says about one group. Mostly a record is one group; with other writers it may hold
// several, one a line or in an array.
type Message struct {
	*kgo.Record
	// Text is the group's JSON.
	Text []byte
	// Group is the metrics group that it holds; nil where it holds none, which Err explains.
	Group *pluginsdk.MetricsGroup
	Err   error
}

// Reader reads metrics groups out of records. It is not safe for concurrent use.
type Reader struct{ decoder *panoptesjson.Decoder }

// NewReader returns a reader.
func NewReader() *Reader { return &Reader{panoptesjson.NewDecoder(panoptesjson.DecoderOptions{})} }

// Each calls visit for each message of a record, with a group that is valid until the visit returns, and returns its
// error, which ends the record.
func (r *Reader) Each(record *kgo.Record, visit func(Message) error) error {
	var failed error
	err := r.decoder.DecodeAll(record.Value, func(p panoptesjson.Part) error {
		failed = visit(Message{Record: record, Text: p.Text, Group: p.Group, Err: p.Err})
		return failed
	})
	if err != nil && failed == nil { // the record is too long
		return visit(Message{Record: record, Text: record.Value, Err: err})
	}
	return err
}

// Rates returns the gauges of a group that have a counter of their name beside them; nil for none.
func Rates(g *pluginsdk.MetricsGroup) []pluginsdk.Metric {
	if g == nil {
		return nil
	}
	counters := map[string]bool{}
	for _, metric := range g.Metrics() {
		if metric.Type == pluginsdk.Counter {
			counters[metric.Name] = true
		}
	}
	var rates []pluginsdk.Metric
	for _, metric := range g.Metrics() {
		if metric.Type == pluginsdk.Gauge && counters[metric.Name] {
			rates = append(rates, metric)
		}
	}
	return rates
}

// Append appends the message for people: a line with topic, partition, offset, key and rates, and the readable JSON
// with the rates standing out.
func (m Message) Append(b []byte, style term.Style) []byte {
	b = append(b, style.Paint(term.Bold, term.Cell(m.Topic))...)
	b = append(b, "  partition "+strconv.Itoa(int(m.Partition))+"  offset "+strconv.FormatInt(m.Offset, 10)+"  key "...)
	b = append(b, style.Paint(term.Bold, term.Cell(string(m.Key)))...)
	rates := Rates(m.Group)
	marked := map[string]bool{}
	var list []string
	for _, r := range rates {
		marked[r.Name] = true
		list = append(list, term.Cell(r.Name)+"="+r.Value.String()+"/s")
	}
	if len(list) > 0 {
		b = append(b, "  rates "+style.Paint(term.Bold+term.Cyan, strings.Join(list, ", "))...)
	}
	b = append(b, '\n')
	switch {
	case m.Err != nil && !json.Valid(m.Text):
		return fmt.Appendf(b, "no metrics group: %s: %.200q\n", term.Cell(m.Err.Error()), m.Text)
	case m.Err != nil:
		b = fmt.Appendf(b, "no metrics group: %s\n", term.Cell(m.Err.Error()))
	}
	b = style.AppendJSON(b, m.Text, func(element []byte) bool {
		var metric struct {
			Name string `json:"metric_name"`
			Type string `json:"metric_type"`
		}
		return json.Unmarshal(element, &metric) == nil && metric.Type == "gauge" && marked[metric.Name]
	})
	return append(b, '\n')
}
