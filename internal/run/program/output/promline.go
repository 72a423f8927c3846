package output

import (
	"bytes"
	"errors"
	"io"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// entry is what one line of the text formats says.
type entry struct {
	what entryKind
	// name is of the family, or of the sample; text is the type, the help or the unit.
	name, text string
	// labels are sorted by name.
	labels  []pluginsdk.Dimension
	value   float64
	millis  int64 // since 1970
	hasTime bool
}

type entryKind uint8

const (
	noEntry entryKind = iota // a comment
	typeEntry
	helpEntry
	unitEntry
	sampleEntry
)

// lineReader reads lines with Prometheus' own parsers, which take a whole text, and give up at its first fault: each
// line is a text of its own. A line that is not of the text's format may be of the other one: scripts mix them.
type lineReader struct {
	openMetrics bool
	text        []byte // reused
}

func (r *lineReader) read(line []byte) (entry, error) {
	line = plainBlanks(line)
	e, err := r.parse(line, r.openMetrics)
	if err == nil {
		return e, nil
	}
	e, other := r.parse(line, !r.openMetrics)
	if other != nil || e.what == noEntry && isUnit(line) {
		return entry{}, errors.New(short(err.Error()))
	}
	if r.openMetrics && e.hasTime {
		e.millis *= 1000 // the Prometheus format has milliseconds, and these are seconds, as in the rest of the text
	}
	return e, nil
}

var errNoEntry = errors.New("it has neither a sample nor a comment")

func (r *lineReader) parse(line []byte, openMetrics bool) (entry, error) {
	r.text = append(append(r.text[:0], line...), '\n')
	var p textparse.Parser
	if openMetrics {
		p = textparse.NewOpenMetricsParser(r.text, nil)
	} else {
		p = textparse.NewPromParser(r.text, nil, false)
	}
	what, err := p.Next()
	switch {
	case errors.Is(err, io.EOF) && string(line) == "# EOF":
		return entry{}, nil
	case errors.Is(err, io.EOF):
		return entry{}, errNoEntry
	case err != nil:
		return entry{}, err
	}
	switch what {
	case textparse.EntryType:
		name, kind := p.Type()
		return entry{what: typeEntry, name: string(name), text: string(kind)}, nil
	case textparse.EntryHelp:
		name, text := p.Help()
		return entry{what: helpEntry, name: string(name), text: string(bytes.TrimSpace(text))}, nil
	case textparse.EntryUnit:
		name, unit := p.Unit()
		return entry{what: unitEntry, name: string(name), text: string(unit)}, nil
	case textparse.EntrySeries:
		return sampleOf(p)
	}
	return entry{}, nil
}

func sampleOf(p textparse.Parser) (entry, error) {
	e := entry{what: sampleEntry}
	_, millis, value := p.Series()
	e.value = value
	if millis != nil {
		e.millis, e.hasTime = *millis, true
	}
	var all labels.Labels
	p.Labels(&all)
	e.labels = make([]pluginsdk.Dimension, 0, all.Len())
	names := 0
	all.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			names++
			e.name = l.Value
			return
		}
		e.labels = append(e.labels, pluginsdk.Dimension{Name: l.Name, Value: l.Value})
	})
	if names != 1 {
		return entry{}, errors.New("the name of the metric must be there once")
	}
	return e, nil
}

// plainBlanks writes a line of metadata with single blanks, as the parsers want it: scripts write others.
func plainBlanks(line []byte) []byte {
	rest, ok := bytes.CutPrefix(line, []byte("#"))
	if !ok {
		return line
	}
	fields := bytes.Fields(rest)
	switch {
	case len(fields) == 3 && (string(fields[0]) == "TYPE" || string(fields[0]) == "UNIT"):
		return append([]byte("# "), bytes.Join(fields, []byte(" "))...)
	case len(fields) > 1 && string(fields[0]) == "HELP":
		return append([]byte("# "), bytes.TrimLeft(rest, " \t")...)
	}
	return line
}

// isUnit says whether a line is one with a unit, which is only a comment in the Prometheus format.
func isUnit(line []byte) bool {
	fields := bytes.Fields(line)
	return len(fields) == 4 && string(fields[0]) == "#" && string(fields[1]) == "UNIT"
}
