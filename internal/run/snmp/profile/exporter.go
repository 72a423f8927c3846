package profile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
)

// Module is what was read of a snmp.yml.
type Module struct {
	Program *table.Program
	// Auths are the credentials of the file, by name.
	Auths map[string]engine.Credentials
	// Timeout and Retries are the most that a module asks for; 0 where none does.
	Timeout time.Duration
	Retries int
	// Notices say what the file asks for that is not done.
	Notices []string
}

// ExporterFile is a snmp.yml of snmp_exporter. It does not change, so it may be used from several goroutines.
type ExporterFile struct {
	name string
	root *yaml.Node
}

// OpenExporter parses a snmp.yml. name is what errors call it.
func OpenExporter(name string, content []byte) (*ExporterFile, error) {
	d := &document{file: name}
	root := d.open(content)
	return &ExporterFile{name, root}, d.err()
}

// Modules reads some modules. What other modules say is not looked at. Each module makes groups whose type is its name.
func (x *ExporterFile) Modules(names ...string) (*Module, error) {
	d := &document{file: x.name}
	r := &exporterReader{document: d, builder: table.NewBuilder(), out: Module{Auths: map[string]engine.Credentials{}}}
	r.read(x.root, names)
	if err := d.err(); err != nil {
		return nil, err
	}
	r.builder.Uptime(sysUpTime)
	p, err := r.builder.Program()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.name, err)
	}
	r.out.Program = p
	return &r.out, nil
}

type exporterReader struct {
	*document
	builder *table.Builder
	out     Module
}

func (r *exporterReader) read(root *yaml.Node, names []string) {
	top := r.mapping(root, "the file", "auths", "modules", "version")
	if n := top.node("auths"); n != nil {
		auths := r.mapping(n, "auths")
		for _, key := range auths.keys {
			r.out.Auths[key.Value] = r.auth(key.Value, auths.values[key.Value])
		}
	}
	n := top.need("modules")
	if n == nil {
		return
	}
	modules := r.mapping(n, "modules")
	for i, name := range names {
		value := modules.values[name]
		switch {
		case slices.Contains(names[:i], name):
			r.fault(n, "module %q is asked for twice", name)
		case value == nil:
			r.fault(n, "there is no module %q%s", name, suggest(name, slices.Sorted(maps.Keys(modules.values))))
		default:
			m := &moduleReader{exporterReader: r, name: name, group: sanitize(name)}
			m.read(value)
		}
	}
}

// auth reads credentials, with the defaults and the rules that snmp_exporter has.
func (r *exporterReader) auth(name string, n *yaml.Node) engine.Credentials {
	f := r.mapping(n, "auth "+strconv.Quote(name), "community", "security_level", "username", "password", "auth_protocol",
		"priv_protocol", "priv_password", "context_name", "version")
	out := engine.Credentials{Community: "public", Context: f.text("context_name")}
	if f.has("community") {
		out.Community = engine.Secret(f.text("community"))
	}
	switch f.choice("version", "2", "1", "3") {
	case "1":
		out.Version = engine.V1
	case "3":
		out.Version, out.User, out.Community = engine.V3, f.text("username"), ""
		r.user(f, &out)
	}
	return out
}

func (r *exporterReader) user(f *fields, out *engine.Credentials) {
	need := func(key string) string {
		text := f.text(key)
		if text == "" {
			r.fault(f.at, "%s: version 3 with this security_level needs the key %q", f.what, key)
		}
		return text
	}
	level := f.choice("security_level", "noAuthNoPriv", "authNoPriv", "authPriv")
	need("username")
	if level == "noAuthNoPriv" {
		return
	}
	out.AuthPassphrase = engine.Secret(need("password"))
	if err := out.Auth.UnmarshalText([]byte(f.choice("auth_protocol", "MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512"))); err != nil {
		r.fault(f.at, "%s: %v", f.what, err)
	}
	if level == "authNoPriv" {
		return
	}
	out.PrivPassphrase = engine.Secret(need("priv_password"))
	if err := out.Priv.UnmarshalText([]byte(f.choice("priv_protocol", "DES", "AES", "AES192", "AES192C", "AES256", "AES256C"))); err != nil {
		r.fault(f.at, "%s: %v", f.what, err)
	}
}

// sanitize makes a name of metrics and groups of one that Prometheus allows.
func sanitize(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, name)
}

// moduleReader reads one module.
type moduleReader struct {
	*exporterReader
	name, group string
	walk, get   []ber.OID
	filters     []exporterFilter
	repetitions int
	anyOrder    bool
	tables      map[string][]*moduleTable // by what their metrics have in common
}

// moduleTable is a table of metrics with the same indexes and lookups.
type moduleTable struct {
	t     *table.Table
	names map[string]bool
}

type exporterFilter struct {
	filter  table.Filter
	targets []ber.OID
}

func (m *moduleReader) read(n *yaml.Node) {
	f := m.mapping(n, "module "+strconv.Quote(m.name), "walk", "get", "metrics", "max_repetitions", "retries", "timeout",
		"use_unconnected_udp_socket", "allow_nonincreasing_oids", "filters")
	m.walk, m.get = m.oids(f, "walk"), m.oids(f, "get")
	m.repetitions = f.integer("max_repetitions")
	m.out.Timeout, m.out.Retries = max(m.out.Timeout, f.duration("timeout")), max(m.out.Retries, f.integer("retries"))
	m.anyOrder = f.boolean("allow_nonincreasing_oids")
	f.boolean("use_unconnected_udp_socket") // all of our sockets are
	if n := f.node("filters"); n != nil {
		for _, item := range m.list(n, f.what+": filters", false) {
			m.filter(item)
		}
	}
	m.tables = map[string][]*moduleTable{}
	if n := f.need("metrics"); n != nil {
		m.metrics(m.list(n, f.what+": metrics", false))
	}
}

func (m *moduleReader) oids(f *fields, key string) []ber.OID {
	var out []ber.OID
	if n := f.node(key); n != nil {
		for _, item := range m.list(n, f.what+": "+key, false) {
			if oid, ok := m.oid(item, f.what+": "+key); ok {
				out = append(out, oid)
			}
		}
	}
	return out
}

// filter reads a filter: its targets are not walked, but read at the rows that it allows.
func (m *moduleReader) filter(n *yaml.Node) {
	f := m.mapping(n, "a filter of module "+strconv.Quote(m.name), "oid", "targets", "values")
	oid, ok := m.oid(f.need("oid"), f.what)
	if !ok {
		return
	}
	out := exporterFilter{filter: table.Filter{Column: m.column(table.Column{OID: oid})}, targets: m.oids(f, "targets")}
	if n := f.node("values"); n != nil {
		for _, item := range m.list(n, f.what+": values", false) {
			if p := m.pattern(item, f.what+": values", false); p != nil {
				out.filter.Patterns = append(out.filter.Patterns, p)
			}
		}
	}
	m.walk = slices.DeleteFunc(m.walk, func(o ber.OID) bool { return slices.Contains(out.targets, o) })
	m.get = slices.DeleteFunc(m.get, func(o ber.OID) bool {
		return slices.ContainsFunc(out.targets, func(t ber.OID) bool { return within(o, t) })
	})
	m.filters = append(m.filters, out)
}

func within(o, base ber.OID) bool {
	_, below := o.Index(base)
	return below
}

func (m *moduleReader) column(c table.Column) int {
	c.Repetitions, c.AnyOrder = m.repetitions, m.anyOrder
	return m.builder.Column(c)
}

// columns returns where the values of an OID come from: a walk, single gets, or rows that a filter allows; none where the
// module fetches none.
func (m *moduleReader) columns(oid ber.OID) []int {
	var out []int
	for _, f := range slices.Backward(m.filters) {
		if slices.Contains(f.targets, oid) {
			c := m.column(table.Column{OID: oid})
			m.builder.Filter(f.filter, []int{c})
			return []int{c}
		}
	}
	if slices.ContainsFunc(m.walk, func(w ber.OID) bool { return within(oid, w) }) {
		return []int{m.column(table.Column{OID: oid})}
	}
	var rows []ber.OID
	for _, g := range m.get {
		if row, below := g.Index(oid); below {
			rows = append(rows, row)
		}
	}
	for _, w := range m.walk {
		if under, below := w.Index(oid); below {
			// A walk of a single value gives this value.
			rows = append(rows, under)
			out = append(out, m.column(table.Column{OID: oid, Under: under}))
		}
	}
	if rows != nil {
		slices.SortFunc(rows, ber.OID.Compare)
		out = append(out, m.column(table.Column{OID: oid, Rows: slices.Compact(rows)}))
	}
	return out
}
