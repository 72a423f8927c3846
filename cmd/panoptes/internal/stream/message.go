package stream

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Message is one message of a topic.
type Message struct {
	*kgo.Record
	// Group is the metrics group that it holds; nil where it holds none, which Err explains.
	Group *pluginsdk.MetricsGroup
	Err   error
}

// Read reads the metrics group of a record.
func Read(r *kgo.Record) Message {
	m := Message{Record: r, Group: &pluginsdk.MetricsGroup{}}
	if m.Err = m.Group.UnmarshalJSON(r.Value); m.Err != nil {
		m.Group = nil
	}
	return m
}

// Rates returns the gauges of the group that have a counter of their name beside them.
func (m Message) Rates() []pluginsdk.Metric {
	if m.Group == nil {
		return nil
	}
	counters := map[string]bool{}
	for _, metric := range m.Group.Metrics() {
		if metric.Type == pluginsdk.Counter {
			counters[metric.Name] = true
		}
	}
	var rates []pluginsdk.Metric
	for _, metric := range m.Group.Metrics() {
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
	rates := m.Rates()
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
	case m.Err != nil && !json.Valid(m.Value):
		return fmt.Appendf(b, "no metrics group: %s: %.200q\n", term.Cell(m.Err.Error()), m.Value)
	case m.Err != nil:
		b = fmt.Appendf(b, "no metrics group: %s\n", term.Cell(m.Err.Error()))
	}
	b = style.AppendJSON(b, m.Value, func(element []byte) bool {
		var metric struct {
			Name string `json:"metric_name"`
			Type string `json:"metric_type"`
		}
		return json.Unmarshal(element, &metric) == nil && metric.Type == "gauge" && marked[metric.Name]
	})
	return append(b, '\n')
}
