package panoptesjson

import (
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// resourcesAtOnce is how many resources are read together: a fraction of a millisecond's work.
const resourcesAtOnce = 256

// BadResource is an entry that is no resource.
type BadResource struct {
	// Index is the entry's place in the list, from 0; -1 where the text is a single resource.
	Index int
	// ID is its resource_id, where it has one.
	ID string
	// Err says what is wrong; it counts bytes from the beginning of the whole text.
	Err *Error
}

// Resources reads the resources of a text: a JSON list of them, {"resources": [...]}, or a single one. An entry that is no
// resource costs itself alone, and is one of bad; err, an *Error, is why there is none at all. The strings of each are
// parts of a copy of its own text, so that one that is kept does not keep all others in memory. Long lists are read on all
// processors. The text is not copied as a whole: it must not change while errors of it are in use.
func (d *Decoder) Resources(text []byte) (list []*pluginsdk.Resource, bad []BadResource, err error) {
	return d.resources(text, d.entries)
}

// Resource is Resources for the text of a single one.
func (d *Decoder) Resource(text []byte) (r *pluginsdk.Resource, bad []BadResource, err error) {
	list, bad, err := d.resources(text, d.single)
	if len(list) > 0 {
		r = list[0]
	}
	return r, bad, err
}

func (d *Decoder) resources(text []byte, find func(*resourceReaders) error) (list []*pluginsdk.Resource, bad []BadResource, err error) {
	if err := d.checkSize(text); err != nil {
		return nil, nil, err
	}
	d.scanner.Text, d.scanner.Data, d.scanner.At = unsafe.String(unsafe.SliceData(text), len(text)), text, 0
	defer d.forget()
	s := &d.scanner
	readers := &resourceReaders{text: s.Text, data: s.Data, defaults: d.opts.Defaults, free: make(chan struct{}, runtime.GOMAXPROCS(0)-1)}
	defer readers.wg.Wait()
	s.Blanks()
	err = find(readers)
	if err == nil && !s.AtEnd() {
		err = s.Expected("the end")
	}
	if err != nil {
		return nil, nil, d.scanner.Located(err)
	}
	list, bad = readers.end()
	return list, bad, nil
}

// single finds one entry.
func (d *Decoder) single(readers *resourceReaders) error {
	start := d.scanner.At
	readers.single = true
	err := d.scanner.Skip()
	readers.add(span{start, d.scanner.At})
	return err
}

// entries finds the entries of a text.
func (d *Decoder) entries(readers *resourceReaders) error {
	s := &d.scanner
	start, found := s.At, false
	list := func(int) error {
		start := s.At
		err := s.Skip()
		readers.add(span{start, s.At})
		return err
	}
	switch {
	case s.At < len(s.Text) && s.Text[s.At] == '[':
		return s.List(list)
	case s.At == len(s.Text) || s.Text[s.At] != '{':
		return s.Expected("a list of resources, or one resource")
	}
	err := s.Object(func(key string) error {
		switch {
		case key != "resources":
			return s.Skip()
		case found:
			return errTwice
		}
		found = true
		return s.List(list)
	})
	if readers.single = !found; readers.single && err == nil {
		readers.add(span{start, s.At})
	}
	return err
}

// span is where in the text a resource is.
type span struct{ start, end int }

// resourceReaders read resources while the end of the list is still looked for.
type resourceReaders struct {
	text     string
	data     []byte
	defaults *pluginsdk.Resource

	free chan struct{} // has one for each reader under way
	wg   sync.WaitGroup

	single bool // the text is one resource
	spans  []span
	parts  []*resourcePart
}

// resourcePart is some of the resources of a list.
type resourcePart struct {
	list []*pluginsdk.Resource
	bad  []BadResource // Index counts from the part's beginning
	size int
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
			part.read(r.text, r.data, spans, r.defaults)
			<-r.free
		})
	default:
		part.read(r.text, r.data, spans, r.defaults)
		runtime.Gosched() // what waits for a processor must not wait for the whole list
	}
}

// end returns all that was read.
func (r *resourceReaders) end() (list []*pluginsdk.Resource, bad []BadResource) {
	r.hand()
	r.wg.Wait()
	list = make([]*pluginsdk.Resource, 0, len(r.parts)*resourcesAtOnce)
	before := 0
	for _, part := range r.parts {
		list = append(list, part.list...)
		for _, b := range part.bad {
			if b.Index += before; r.single {
				b.Index = -1
			}
			bad = append(bad, b)
		}
		before += part.size
	}
	return list, bad
}

func (p *resourcePart) read(text string, data []byte, spans []span, defaults *pluginsdk.Resource) {
	d := NewDecoder(DecoderOptions{Defaults: defaults})
	d.misspelt.wanted = true
	p.list, p.size = make([]*pluginsdk.Resource, 0, len(spans)), len(spans)
	for i, at := range spans {
		d.scanner.Text, d.scanner.Data, d.scanner.At = strings.Clone(text[at.start:at.end]), data[at.start:at.end], 0
		d.resource = nil
		r, err := d.readResource()
		if err == nil && r == nil { // null
			d.scanner.At = 0
			err = d.scanner.Begin('{')
		}
		if err != nil {
			located := *d.scanner.Located(err)
			located.Offset += at.start
			p.bad = append(p.bad, BadResource{Index: i, ID: textOf(d.scanner.Data, "resource_id"), Err: &located})
			continue
		}
		p.list = append(p.list, r)
	}
}
