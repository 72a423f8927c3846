package profile

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
)

// File is a file of profiles.
type File struct {
	Name    string
	Content []byte
}

// DatadogProfiles are profiles as Datadog has them, of which each device has one. They do not change.
type DatadogProfiles struct {
	// Notices are of profiles that were left out.
	Notices []error

	all []*DatadogProfile
}

// DatadogProfile is one of them.
type DatadogProfile struct {
	Name    string
	Program *table.Program
	// patterns are what it says of sysObjectID: OIDs, whose last arc may be *.
	patterns []string
}

// Datadog reads profiles. Those without a sysobjectid are only there for others to extend, unless there is no other file. A
// profile that cannot be read is left out, and is one of Notices; it is an error where no other is left.
func Datadog(files []File) (*DatadogProfiles, error) {
	f := folder{roots: map[string]*yaml.Node{}, documents: map[string]*document{}}
	out := &DatadogProfiles{}
	for _, one := range files {
		d := &document{file: one.Name}
		f.documents[one.Name] = d
		if f.roots[one.Name] = d.open(one.Content); f.roots[one.Name] == nil {
			out.Notices = append(out.Notices, d.err())
		}
	}
	for _, one := range files {
		if f.roots[one.Name] == nil {
			continue
		}
		switch p, err := f.read(one.Name, len(files) == 1); {
		case err != nil:
			out.Notices = append(out.Notices, err)
		case p != nil:
			out.all = append(out.all, p)
		}
	}
	if len(out.all) == 0 {
		return nil, errors.Join(append(out.Notices, errors.New("there is no profile with a sysobjectid"))...)
	}
	return out, nil
}

// folder are files by name.
type folder struct {
	roots     map[string]*yaml.Node
	documents map[string]*document
}

// read reads a profile; nil is one that is only there for others. alone says that there is no other file.
func (f *folder) read(name string, alone bool) (*DatadogProfile, error) {
	d := f.documents[name]
	p := &DatadogProfile{Name: strings.TrimSuffix(name, path.Ext(name))}
	p.patterns = d.mapping(f.roots[name], "the profile").texts("sysobjectid", true)
	if len(p.patterns) == 0 && !alone {
		return nil, nil
	}
	r := &datadogReader{document: d, folder: f, builder: table.NewBuilder(), known: map[string]bool{}}
	r.gather(name, 0)
	var errs []error
	for _, g := range r.gathered {
		r.document = g.d
		r.profile(g)
	}
	for _, g := range r.gathered {
		errs = append(errs, g.d.err())
		g.d.errs, g.d.steps = nil, 0
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	r.builder.Uptime(sysUpTime)
	var err error
	if p.Program, err = r.builder.Program(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// All returns all profiles that a device may have.
func (d *DatadogProfiles) All() []*DatadogProfile { return d.all }

// Chosen says whether a device's sysObjectID has to be known to find its profile.
func (d *DatadogProfiles) Chosen() bool { return len(d.all) != 1 || len(d.all[0].patterns) > 0 }

// Find returns the profile of a sysObjectID, nil where there is none. The pattern that says most of it counts.
func (d *DatadogProfiles) Find(id ber.OID) *DatadogProfile {
	var best *DatadogProfile
	most, text := -1, id.String()
	for _, p := range d.all {
		for _, pattern := range p.patterns {
			pattern = strings.TrimPrefix(pattern, ".")
			head, open := strings.CutSuffix(pattern, "*")
			said := 2 * len(head)
			if !open {
				said++
			}
			if (pattern == text || open && strings.HasPrefix(text, head)) && said > most {
				best, most = p, said
			}
		}
	}
	if best == nil && !d.Chosen() {
		return d.all[0]
	}
	return best
}

// gatheredFile is a profile, or one that it extends.
type gatheredFile struct {
	d *document
	f *fields
}

type datadogReader struct {
	*document
	folder   *folder
	builder  *table.Builder
	gathered []gatheredFile
	known    map[string]bool // metrics
}

// gather finds what a profile extends, each file once.
func (r *datadogReader) gather(name string, depth int) {
	d := r.folder.documents[name]
	if slices.ContainsFunc(r.gathered, func(g gatheredFile) bool { return g.d == d }) || depth > 16 {
		return
	}
	f := d.mapping(r.folder.roots[name], "the profile")
	r.gathered = append(r.gathered, gatheredFile{d, f})
	for _, other := range f.texts("extends", true) {
		if r.folder.roots[other] == nil {
			d.fault(f.values["extends"], "extends %q, which is not in the folder", other)
			continue
		}
		r.gather(other, depth+1)
	}
}

// common are the dimensions of all metrics of a profile: metric_tags and static_tags at its top.
func (r *datadogReader) common(t *table.Table) {
	for _, g := range r.gathered {
		r.document = g.d
		reader := &datadogTable{datadogReader: r, t: t, scalar: true}
		for _, tag := range g.d.list(g.f.node("metric_tags"), "metric_tags", false) {
			reader.tag(tag)
		}
		for _, text := range g.f.texts("static_tags", false) {
			reader.static(text)
		}
	}
}

func (r *datadogReader) profile(g gatheredFile) {
	for _, n := range r.list(g.f.node("metrics"), "metrics", false) {
		f := r.mapping(n, "a metric")
		t := &table.Table{Discontinuity: table.None, PadIndex: true, Group: "snmp"}
		reader := &datadogTable{datadogReader: r, t: t}
		reader.scalar = !f.has("table") && !f.has("symbols")
		if t.Scalar = reader.scalar; !t.Scalar {
			t.Group = reader.tableName(f)
		}
		for _, tag := range r.list(f.node("metric_tags"), "metric_tags", false) {
			reader.tag(tag)
		}
		for _, text := range f.texts("static_tags", false) {
			reader.static(text)
		}
		switch {
		case t.Scalar && f.has("symbol") && f.node("symbol").Kind == yaml.MappingNode:
			reader.symbol(f, r.mapping(f.node("symbol"), "symbol"))
		case t.Scalar:
			reader.symbol(f, f)
		default:
			reader.symbols(f)
		}
		if len(t.Metrics) > 0 {
			own := r.document
			r.common(t)
			r.document = own
			r.builder.Table(t)
		}
	}
}
