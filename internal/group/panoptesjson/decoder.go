package panoptesjson

import (
	"errors"
	"fmt"
	"math"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Error says what is wrong with a message, and where.
type Error = pyjson.Error

// Mistakes that do not depend on what stands there.
var (
	errTwice      = errors.New("is there twice")
	errAfterwards = errors.New("something follows the message")
	errMissing    = errors.New("must be given")
)

// scanner reads what values of Panoptes are made of.
type scanner struct{ pyjson.Scanner }

func (s *scanner) number() (pluginsdk.Number, error) {
	if i, f, float, ok := s.ShortNumber(); ok {
		if float {
			return pluginsdk.Float(f), nil
		}
		return pluginsdk.Int(i), nil
	}
	start := s.At
	text, err := s.NumberText()
	switch text {
	case "NaN":
		return pluginsdk.Float(math.NaN()), nil
	case "Infinity":
		return pluginsdk.Float(math.Inf(1)), nil
	case "-Infinity":
		return pluginsdk.Float(math.Inf(-1)), nil
	case "":
		return pluginsdk.Number{}, err
	}
	n, err := pluginsdk.ParseNumber(text)
	if err != nil {
		s.At = start
	}
	return n, err
}

// DefaultMaxBytes is the largest message that a decoder takes unless told otherwise.
const DefaultMaxBytes = 16 << 20

// maxEntries bounds the dimensions of a group and the metadata of a resource, which are compared one by one.
const maxEntries = 4096

// DecoderOptions are the settings of a Decoder.
type DecoderOptions struct {
	// MaxBytes is the largest message in bytes; 0 means DefaultMaxBytes.
	MaxBytes int
	// Resource is the resource of messages that have none; nil makes these an error.
	Resource *pluginsdk.Resource
	// Defaults has what the resources of a list need not say; nil lets them say all.
	Defaults *pluginsdk.Resource
}

// Decoder reads Panoptes' messages. It keeps memory from call to call: use one a goroutine, and keep it. It is not safe
// for concurrent use.
//
// It takes any order of keys, keys it does not know, times that are given as text, and NaN and the infinities where
// Panoptes' Python wrote them. What it takes is otherwise checked as MetricsGroup's constructors do.
type Decoder struct {
	opts    DecoderOptions
	scanner scanner
	group   pluginsdk.MetricsGroup // of AppendTo

	misspelt misspelt // of the resource that is read

	// The last resource and its JSON: messages of a resource mostly come in a row.
	resource     *pluginsdk.Resource
	resourceText string
	// The last time of a metric and its JSON.
	time     pluginsdk.Number
	timeText string
}

// NewDecoder returns a decoder.
func NewDecoder(o DecoderOptions) *Decoder {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	return &Decoder{opts: o}
}

// AppendTo reads one message and adds it to b as the group of a scope. It returns the number of data points this made;
// what b could not hold b counts.
func (d *Decoder) AppendTo(b *pdata.Builder, s pdata.Scope, message []byte) (points int, err error) {
	if err := d.Decode(message, &d.group); err != nil {
		return 0, err
	}
	return b.Add(s, &d.group), nil
}

// Decode reads one message into g, of which it keeps nothing but the memory; with an error g is undefined. Groups of
// one resource may share their Resource, which is not to be changed then. The message may be used again afterwards: the
// strings of g are parts of one copy of it. The error is an *Error.
func (d *Decoder) Decode(message []byte, g *pluginsdk.MetricsGroup) error {
	if err := d.checkSize(message); err != nil {
		return err
	}
	s := &d.scanner
	d.read(message)
	err := d.message(g)
	if err == nil {
		if !s.AtEnd() {
			err = errAfterwards
		}
	}
	if err != nil {
		err = d.scanner.Located(err)
	}
	d.forget()
	return err
}

func (d *Decoder) read(text []byte) {
	d.scanner.Text, d.scanner.Data, d.scanner.At = string(text), text, 0
}

// forget lets go of the text.
func (d *Decoder) forget() { d.scanner.Text, d.scanner.Data = "", nil }

func (d *Decoder) checkSize(text []byte) error {
	if len(text) > d.opts.MaxBytes {
		return &Error{Err: fmt.Errorf("the message has %d bytes, limit is %d", len(text), d.opts.MaxBytes)}
	}
	return nil
}

// Keys of a group that must not come twice.
const (
	hasResource = 1 << iota
	hasMetrics
	hasDimensions
)

func (d *Decoder) message(g *pluginsdk.MetricsGroup) error {
	s := &d.scanner
	g.Reset()
	s.Blanks()
	if err := s.Begin('{'); err != nil {
		return err
	}
	seen := 0
	once := func(bit int) error {
		if seen&bit != 0 {
			return errTwice
		}
		seen |= bit
		return nil
	}
	timed := false
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch key {
		case "metrics_group_type":
			g.Type, err = s.ReadString()
		case "metrics_group_interval":
			g.Interval, err = s.interval()
		case "metrics_group_creation_timestamp":
			g.Timestamp, timed, err = s.timestamp()
		case "metrics_group_schema_version":
			err = s.version()
		case "resource":
			if err = once(hasResource); err == nil {
				g.Resource, err = d.readResource()
			}
		case "metrics":
			if err = once(hasMetrics); err == nil {
				err = d.metrics(g)
			}
		case "dimensions":
			if err = once(hasDimensions); err == nil {
				err = d.dimensions(g)
			}
		default:
			err = s.Skip()
		}
		if err != nil {
			return s.In(key, err)
		}
	}
	if g.Resource == nil {
		g.Resource = d.opts.Resource
	}
	if !timed {
		g.Timestamp = pluginsdk.NumberTimestamp(pluginsdk.Now())
	}
	switch {
	case g.Resource == nil:
		return s.In("resource", errMissing)
	case g.Type == "":
		return s.In("metrics_group_type", errors.New("must be a non-empty string"))
	case g.Interval == 0:
		return s.In("metrics_group_interval", errInterval)
	}
	return nil
}

var errInterval = errors.New("must be an integer greater than zero")

func (s *scanner) interval() (int, error) {
	at := s.At
	n, err := s.number()
	if err != nil {
		return 0, err
	}
	seconds, ok := n.Int64()
	if !ok || seconds <= 0 || seconds > math.MaxInt32 {
		s.At = at
		return 0, errInterval
	}
	return int(seconds), nil
}

func (s *scanner) version() error {
	at := s.At
	if s.Null() {
		return nil
	}
	version, err := s.ReadString()
	if err == nil && version != pluginsdk.SchemaVersion {
		s.At = at
		err = fmt.Errorf("is %.40q, expected %q", version, pluginsdk.SchemaVersion)
	}
	return err
}

// timestamp reads a time as it was given, and says whether there is one.
func (s *scanner) timestamp() (pluginsdk.Timestamp, bool, error) {
	switch {
	case s.Null():
		return pluginsdk.Timestamp{}, false, nil
	case s.At < len(s.Text) && s.Text[s.At] == '"':
		text, err := s.ReadString()
		return pluginsdk.TextTimestamp(text), text != "", err
	}
	if pyjson.Kind(s.Data[s.At:]) != "a number" {
		return pluginsdk.Timestamp{}, false, s.Expected("a number or a string")
	}
	n, err := s.number()
	return pluginsdk.NumberTimestamp(n), true, err
}
