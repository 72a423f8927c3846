package panoptesjson

import (
	"runtime"
	"strings"
	"sync"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// resourcesAtOnce is how many resources are read together: a fraction of a millisecond's work.
const resourcesAtOnce = 256

// Resources reads a JSON list of resources, all or none. The strings of each are parts of a copy of its own text, so that
// one that is kept does not keep all others in memory. Long lists are read on all processors. The error is an *Error; of
// several mistakes it names one.
func (d *Decoder) Resources(text []byte) ([]*pluginsdk.Resource, error) {
	if err := d.checkSize(text); err != nil {
		return nil, err
	}
	s := &d.scanner
	s.text, s.data, s.at = string(text), text, 0
	defer func() { s.text, s.data = "", nil }()
	s.blanks()
	if err := s.begin('[', errArray); err != nil {
		return nil, d.located(err)
	}
	readers := &resourceReaders{text: s.text, data: s.data, free: make(chan struct{}, runtime.GOMAXPROCS(0)-1)}
	defer readers.wg.Wait()
	for first := true; ; first = false {
		more, err := s.next(first, ']')
		if err != nil {
			return nil, d.located(err)
		}
		if !more {
			break
		}
		start := s.at
		if err := s.skip(1); err != nil {
			return nil, d.located(err)
		}
		readers.add(span{start, s.at})
	}
	if s.blanks(); s.at < len(s.text) {
		return nil, d.located(errAfterwards)
	}
	return readers.end()
}

// span is where in the text a resource is.
type span struct{ start, end int }

// resourceReaders read resources while the end of the list is still looked for.
type resourceReaders struct {
	text string
	data []byte
	free chan struct{} // has one for each reader under way
	wg   sync.WaitGroup

	spans []span
	parts []*resourcePart
}

// resourcePart is some of the resources of a list.
type resourcePart struct {
	list []*pluginsdk.Resource
	err  error
}

func (r *resourceReaders) add(s span) {
	if r.spans == nil {
		r.spans = make([]span, 0, resourcesAtOnce)
	}
	if r.spans = append(r.spans, s); len(r.spans) == resourcesAtOnce {
		r.hand()
	}
}

// hand lets somebody read what was gathered; this goroutine itself where all are busy.
func (r *resourceReaders) hand() {
	part, spans := &resourcePart{}, r.spans
	r.parts, r.spans = append(r.parts, part), nil
	select {
	case r.free <- struct{}{}:
		r.wg.Go(func() {
			part.read(r.text, r.data, spans)
			<-r.free
		})
	default:
		part.read(r.text, r.data, spans)
		runtime.Gosched() // what waits for a processor must not wait for the whole list
	}
}

// end returns all that was read.
func (r *resourceReaders) end() (list []*pluginsdk.Resource, err error) {
	r.hand()
	r.wg.Wait()
	list = make([]*pluginsdk.Resource, 0, len(r.parts)*resourcesAtOnce)
	for _, part := range r.parts {
		if part.err != nil {
			return nil, part.err
		}
		list = append(list, part.list...)
	}
	return list, nil
}

func (p *resourcePart) read(text string, data []byte, spans []span) {
	d := NewDecoder(DecoderOptions{})
	p.list = make([]*pluginsdk.Resource, 0, len(spans))
	for _, at := range spans {
		d.scanner.text, d.scanner.data, d.scanner.at = strings.Clone(text[at.start:at.end]), data[at.start:at.end], 0
		d.resource = nil
		r, err := d.readResource()
		if err == nil && r == nil {
			err = errObject
		}
		if err != nil {
			located := *d.located(err)
			located.Offset += at.start
			p.err = &located
			return
		}
		p.list = append(p.list, r)
	}
}
