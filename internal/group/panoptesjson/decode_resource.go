package panoptesjson

import (
	"fmt"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// resourceBlock is a resource with room for its metadata: one allocation.
type resourceBlock struct {
	resource pluginsdk.Resource
	metadata [8]pluginsdk.MetadataEntry
}

// readResource reads a resource, or finds that it is the last one again: no JSON object is the beginning of another, so
// the same text is the same value.
func (d *Decoder) readResource() (*pluginsdk.Resource, error) {
	s := &d.scanner
	if s.Null() {
		return nil, nil
	}
	if d.resource != nil && s.Literal(d.resourceText) {
		return d.resource, nil
	}
	start := s.At
	d.misspelt.keys = d.misspelt.keys[:0]
	block := &resourceBlock{}
	r := &block.resource
	r.Metadata = block.metadata[:0]
	if err := d.resourceFields(r); err != nil {
		return nil, err
	}
	if err := d.checkMisspelt(r); err != nil {
		s.At = start
		return nil, err
	}
	complete(r, d.opts.Defaults)
	if err := r.Validate(); err != nil {
		s.At = start
		return nil, err
	}
	if r.CreationTimestamp.IsZero() {
		r.CreationTimestamp = pluginsdk.NumberTimestamp(pluginsdk.Now())
	}
	d.resource, d.resourceText = r, s.Text[start:s.At]
	return r, nil
}

// complete gives a resource what it does not say; defaults may be nil.
func complete(r, defaults *pluginsdk.Resource) {
	if defaults == nil {
		return
	}
	for _, f := range [...]struct {
		field    *string
		fallback string
	}{
		{&r.Site, defaults.Site},
		{&r.Class, defaults.Class},
		{&r.Subclass, defaults.Subclass},
		{&r.Type, defaults.Type},
		{&r.Plugin, defaults.Plugin},
	} {
		if *f.field == "" {
			*f.field = f.fallback
		}
	}
	for _, e := range defaults.Metadata {
		if _, has := r.Metadata.Get(e.Key); !has {
			r.Metadata = r.Metadata.Set(e.Key, e.Value)
		}
	}
}

func (d *Decoder) resourceFields(r *pluginsdk.Resource) error {
	s := &d.scanner
	plain, err := s.plainResource(r)
	if err != nil {
		return err
	}
	if !plain {
		if err := s.Begin('{'); err != nil {
			return err
		}
	}
	for first := !plain; ; first = false {
		key, more, err := s.Key(first)
		if err != nil || !more {
			return err
		}
		if field := resourceField(r, key); field != nil {
			*field, err = s.stringOrNull()
		} else {
			switch key {
			case "resource_creation_timestamp":
				r.CreationTimestamp, _, err = s.timestamp()
			case "resource_metadata":
				err = d.metadata(r)
			default:
				d.misspelt.note(key)
				err = s.Skip()
			}
		}
		if err != nil {
			return s.In(key, err)
		}
	}
}

// plainResource reads the first fields of a resource as Panoptes writes it, and says whether there are any.
func (s *scanner) plainResource(r *pluginsdk.Resource) (any bool, err error) {
	for _, f := range [...]struct {
		lead  string
		field *string
	}{
		{`{"resource_site": "`, &r.Site},
		{`, "resource_class": "`, &r.Class},
		{`, "resource_subclass": "`, &r.Subclass},
		{`, "resource_type": "`, &r.Type},
		{`, "resource_id": "`, &r.ID},
		{`, "resource_endpoint": "`, &r.Endpoint},
	} {
		if !s.Literal(f.lead) {
			return any, nil
		}
		s.At--
		if *f.field, err = s.ReadString(); err != nil {
			return any, &Error{Offset: s.At, Field: strings.Trim(f.lead, `{,": `), Err: err}
		}
		any = true
	}
	return any, nil
}

func resourceField(r *pluginsdk.Resource, key string) *string {
	switch key {
	case "resource_site":
		return &r.Site
	case "resource_class":
		return &r.Class
	case "resource_subclass":
		return &r.Subclass
	case "resource_type":
		return &r.Type
	case "resource_id":
		return &r.ID
	case "resource_endpoint":
		return &r.Endpoint
	case "resource_plugin":
		return &r.Plugin
	}
	return nil
}

// stringOrNull reads a string, with "" for null.
func (s *scanner) stringOrNull() (string, error) {
	if s.Null() {
		return "", nil
	}
	return s.ReadString()
}

// metadata reads an object of strings. Of a key that comes twice the last value counts. The time to live stands first, where
// Validate would put it, so that there is no other list to make.
func (d *Decoder) metadata(r *pluginsdk.Resource) error {
	s := &d.scanner
	r.Metadata = append(r.Metadata[:0], pluginsdk.MetadataEntry{Key: pluginsdk.ResourceTTLKey, Value: pluginsdk.DefaultResourceTTL})
	if s.Null() {
		return nil
	}
	n := 0
	return s.Object(func(key string) error {
		if n++; n > maxEntries {
			return fmt.Errorf("more than %d entries", maxEntries)
		}
		value, err := s.ReadString()
		r.Metadata = r.Metadata.Set(key, value)
		return err
	})
}
