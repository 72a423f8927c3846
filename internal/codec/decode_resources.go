package codec

import (
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Resources reads a JSON list of resources, all or none. The strings of each are parts of a copy of its own text, so that
// one that is kept does not keep all others in memory. The error is an *Error.
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
	var list []*pluginsdk.Resource
	for first := true; ; first = false {
		more, err := s.next(first, ']')
		if err != nil {
			return nil, d.located(err)
		}
		if !more {
			break
		}
		r, err := d.ownResource()
		if err != nil {
			return nil, d.located(err)
		}
		list = append(list, r)
	}
	if s.blanks(); s.at < len(s.text) {
		return nil, d.located(errAfterwards)
	}
	return list, nil
}

// ownResource reads a resource from a copy of its text.
func (d *Decoder) ownResource() (*pluginsdk.Resource, error) {
	whole, data, start := d.scanner.text, d.scanner.data, d.scanner.at
	if err := d.scanner.skip(1); err != nil {
		return nil, err
	}
	end := d.scanner.at
	d.scanner.text, d.scanner.data, d.scanner.at = strings.Clone(whole[start:end]), data[start:end], 0
	d.resource = nil
	r, err := d.readResource()
	if err == nil && r == nil {
		err = errObject
	}
	d.scanner.text, d.scanner.data, d.scanner.at = whole, data, end
	return r, err
}
