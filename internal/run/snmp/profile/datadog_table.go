package profile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
)

// datadogTable reads one entry of metrics.
type datadogTable struct {
	*datadogReader
	t      *table.Table
	scalar bool // OIDs are those of variables
	first  int  // the first column of a tag that has the rows of the table, from 1; 0 is none
}

// tableName is the type of the groups.
func (d *datadogTable) tableName(f *fields) string {
	n := f.node("table")
	switch {
	case n == nil:
		return "snmp"
	case n.Kind == yaml.ScalarNode:
		return sanitize(n.Value)
	}
	return sanitize(d.mapping(n, "table").text("name"))
}

// columns returns the columns of an OID. A variable may be written without its .0.
func (d *datadogTable) columns(f *fields) []int {
	oid, ok := d.oid(f.node("OID"), f.what)
	switch {
	case !ok:
		return nil
	case !d.scalar:
		return []int{d.builder.Walked(oid, 0)}
	case strings.HasSuffix(oid.String(), ".0"):
		return []int{d.builder.Scalar(oid, 0)}
	}
	return []int{d.builder.Scalar(oid, 0), d.builder.Scalar(oid.Join(ber.MakeOID(0)), 0)}
}

// symbols reads the metrics of a table. Those that are 1 for each row come last, as the others say which rows there are.
func (d *datadogTable) symbols(entry *fields) {
	var ones []*fields
	for _, item := range d.list(entry.need("symbols"), "symbols", false) {
		f := d.mapping(item, "a symbol")
		if f.boolean("constant_value_one") {
			ones = append(ones, f)
			continue
		}
		d.symbol(entry, f)
	}
	for _, f := range ones {
		d.symbol(entry, f)
	}
}

// symbol reads a metric: what its entry says, and what is its own.
func (d *datadogTable) symbol(entry, f *fields) {
	name := f.text("name")
	if n := f.node("symbol"); name == "" && n != nil { // the old form of a variable
		name = f.scalar(n, f.what+": symbol")
	}
	m := table.Metric{Name: sanitize(name), Label: sanitize(name), Scale: f.number("scale_factor")}
	kind := f.text("metric_type")
	for _, key := range []string{"forced_type", "metric_type"} {
		if kind == "" {
			kind = entry.text(key)
		}
	}
	switch kind {
	case "":
	case "gauge":
		m.Kind = table.KindGauge
	case "monotonic_count", "rate", "counter", "monotonic_count_and_rate":
		m.Kind = table.KindCounter
	case "percent":
		m.Kind, m.Scale = table.KindCounter, 100
	case "flag_stream":
		options := d.mapping(entry.need("options"), "options")
		m.Kind, m.Convert, m.Scale = table.KindGauge, table.ConvertFlag, float64(max(1, options.integer("placement")))
		m.Name += "_" + sanitize(options.text("metric_suffix"))
	default:
		d.fault(f.at, "metric %q: there is no type %q", name, kind)
		return
	}
	if f.boolean("constant_value_one") {
		m.Shape, m.Kind = table.ShapeOne, table.KindGauge
		switch {
		case len(d.t.Metrics) > 0:
			m.Columns = d.t.Metrics[0].Columns
		case d.first > 0:
			m.Columns = []int{d.first - 1}
		}
	} else {
		m.Columns = d.columns(f)
	}
	if len(m.Columns) == 0 {
		d.fault(f.at, "metric %q needs an OID", name)
		return
	}
	if pattern, template := d.extract(f); pattern != nil {
		m.Shape, m.Text.Format = table.ShapeExtracts, table.FormatText
		m.Extracts = []table.Extract{{Rules: []table.ExtractRule{{Pattern: pattern, Template: template}}}}
	}
	id := d.t.Group + "." + m.Name + "." + strconv.Itoa(m.Columns[0])
	if !d.known[id] { // a profile may say what the one says, too, that it extends
		d.known[id] = true
		d.t.Metrics = append(d.t.Metrics, m)
	}
}

// extract reads extract_value, or match_pattern and match_value.
func (d *datadogTable) extract(f *fields) (pattern *regexp.Regexp, template string) {
	if pattern = d.pattern(f.node("extract_value"), f.what+": extract_value", false); pattern != nil {
		return pattern, firstGroup(pattern)
	}
	return d.pattern(f.node("match_pattern"), f.what+": match_pattern", false), groups(f.text("match_value"))
}

var backReference = regexp.MustCompile(`[\\$](\d)`)

// groups turns \1 and $1 into what templates have.
func groups(text string) string { return backReference.ReplaceAllString(text, "$${$1}") }

func (d *datadogTable) static(text string) {
	if name, value, ok := strings.Cut(text, ":"); ok && value != "" {
		d.add(table.Dimension{Name: sanitize(name), Slot: table.None, Constant: value})
	}
}

// add adds a dimension, unless there is one of that name, which is nearer.
func (d *datadogTable) add(x table.Dimension) {
	if !slices.ContainsFunc(d.t.Dimensions, func(have table.Dimension) bool { return have.Name == x.Name }) {
		d.t.Dimensions = append(d.t.Dimensions, x)
	}
}

// tag reads one of metric_tags.
func (d *datadogTable) tag(n *yaml.Node) {
	if n = d.resolve(n); n == nil {
		return
	}
	if n.Kind == yaml.ScalarNode {
		d.static(n.Value)
		return
	}
	f := d.mapping(n, "a tag")
	x := table.Dimension{Name: sanitize(f.text("tag")), Slot: table.None}
	symbol := f
	for _, key := range []string{"column", "symbol"} {
		if n := f.node(key); n != nil && n.Kind == yaml.MappingNode {
			symbol = d.mapping(n, key)
		}
	}
	if m := f.node("mapping"); m != nil {
		names := d.mapping(m, "mapping")
		x.Text.Names = map[string]string{}
		for _, key := range names.keys {
			x.Text.Names[key.Value] = names.text(key.Value)
		}
	}
	switch {
	case f.has("index"):
		number := f.integer("index")
		if number > ber.MaxArcs {
			d.fault(n, "tag %q: index must be at most %d, which is how many arcs an OID has", x.Name, ber.MaxArcs)
			return
		}
		x.Slot = d.part(number)
		if symbol == f {
			break
		}
		fallthrough
	default:
		columns := d.columns(symbol)
		if columns == nil {
			d.fault(n, "tag %q needs an OID or an index", x.Name)
			return
		}
		x.Slot = d.lookup(f, columns)
		switch symbol.text("format") {
		case "mac_address":
			x.Text.Format = table.FormatMAC
		case "ip_address":
			x.Text.Format = table.FormatIP
		}
		x.Text.Pattern, x.Text.Template = d.extract(symbol)
	}
	if f.has("match") {
		d.matches(f, x)
		return
	}
	d.add(x)
}

// matches reads a pattern whose groups make several dimensions of a text.
func (d *datadogTable) matches(f *fields, x table.Dimension) {
	x.Text.Pattern = d.pattern(f.node("match"), "match", false)
	tags := d.mapping(f.need("tags"), "tags")
	for _, key := range tags.keys {
		x.Name, x.Text.Template = sanitize(key.Value), groups(tags.text(key.Value))
		d.add(x)
	}
}

// part returns the slot of an arc of the index, counted from 1.
func (d *datadogTable) part(number int) int {
	for number > len(d.t.Index) {
		if len(d.t.Lookups) > 0 {
			d.moveLookups()
		}
		d.t.Index = append(d.t.Index, table.IndexPart{Name: "index" + strconv.Itoa(len(d.t.Index)+1)})
	}
	return max(number, 1) - 1
}

// moveLookups makes room for a further part of the index: the slots of lookups come after those of all parts.
func (d *datadogTable) moveLookups() {
	for i := range d.t.Dimensions {
		if x := &d.t.Dimensions[i]; x.Slot >= len(d.t.Index) {
			x.Slot++
		}
	}
}

// lookup returns the slot of a column, by the row's index or a part of it.
func (d *datadogTable) lookup(f *fields, columns []int) int {
	l := table.Lookup{Columns: columns}
	for _, item := range d.list(f.node("index_transform"), "index_transform", false) {
		part := d.mapping(item, "index_transform", "start", "end")
		from, to := part.integer("start"), part.integer("end")+1
		if from >= to || to > ber.MaxArcs {
			d.fault(item, "index_transform: start must not be after end")
			continue
		}
		l.Key = append(l.Key, table.KeyPart{From: from, To: to})
	}
	if d.first == 0 && l.Key == nil {
		d.first = columns[0] + 1
	}
	d.t.Lookups = append(d.t.Lookups, l)
	return len(d.t.Index) + len(d.t.Lookups) - 1
}
