package snmp

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"
	"github.com/prometheus/snmp_exporter/config"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

// maker makes up a device that has something for every metric of a module: rows that share their indexes, so that lookups
// find something, values of all types, and now and then one of a wrong type, an empty one, or none.
type maker struct {
	rand    *rand.Rand
	indexes map[string][][]uint32 // by label, the arcs that occur
	values  map[ber.OID]ber.Value
}

// device returns a recording for the modules.
func device(seed uint64, modules ...*config.Module) (*snmprec.Recording, error) {
	m := &maker{
		rand: rand.New(rand.NewPCG(seed, 1)), indexes: map[string][][]uint32{}, values: map[ber.OID]ber.Value{},
	}
	for _, module := range modules {
		for _, metric := range module.Metrics {
			m.metric(metric)
		}
		for _, filter := range module.Filters {
			m.rows(filter.Oid, [][]uint32{{1}, {2}, {3}}, func() ber.Value { return m.text([]string{"up", "down"}) })
		}
	}
	m.values[ber.MustOID("1.3.6.1.2.1.1.3.0")] = ber.NumberValue(ber.TimeTicks, 4711)
	var all []ber.Variable
	for name, value := range m.values {
		all = append(all, ber.Variable{Name: name, Value: value})
	}
	return snmprec.New(all)
}

func (m *maker) chance(percent int) bool { return m.rand.IntN(100) < percent }

func (m *maker) pick(n int) uint32 { return uint32(m.rand.IntN(n)) }

// pool returns the arcs that an index has on this device.
func (m *maker) pool(i *config.Index) [][]uint32 {
	if pool, there := m.indexes[i.Labelname]; there {
		return pool
	}
	var pool [][]uint32
	for range 2 + m.pick(3) {
		pool = append(pool, m.index(i))
	}
	m.indexes[i.Labelname] = pool
	return pool
}

func (m *maker) index(i *config.Index) []uint32 {
	octets := func(n int, base, span uint32) []uint32 {
		out := make([]uint32, n)
		for k := range out {
			out[k] = base + m.pick(int(span))
		}
		return out
	}
	sized := func(content []uint32) []uint32 {
		if i.FixedSize > 0 || i.Implied {
			return content
		}
		return append([]uint32{uint32(len(content))}, content...)
	}
	size := i.FixedSize
	if size == 0 {
		size = 1 + int(m.pick(4))
	}
	switch i.Type {
	case "PhysAddress48":
		return octets(6, 0, 256)
	case "InetAddressIPv4":
		return octets(4, 0, 256)
	case "InetAddressIPv6":
		return octets(16, 0, 256)
	case "InetAddress":
		if m.chance(50) {
			return append([]uint32{1, 4}, octets(4, 0, 256)...)
		}
		if m.chance(50) {
			return append([]uint32{2, 16}, octets(16, 0, 256)...)
		}
		return []uint32{16, 3, 97, 98, 99} // a name
	case "InetAddressMissingSize":
		return append([]uint32{1}, octets(4, 0, 256)...)
	case "LldpPortId":
		return append([]uint32{3, 6}, octets(6, 0, 256)...)
	case "OctetString":
		return sized(octets(size, 0, 256))
	case "DisplayString":
		return sized(octets(size, 'a', 26))
	}
	if m.chance(10) {
		return []uint32{m.rand.Uint32()}
	}
	return []uint32{1 + m.pick(8)}
}

// product returns all combinations of the arcs of some indexes, but not too many.
func (m *maker) product(indexes []*config.Index) [][]uint32 {
	out := [][]uint32{nil}
	for _, i := range indexes {
		var longer [][]uint32
		for _, head := range out {
			for _, arcs := range m.pool(i) {
				longer = append(longer, slices.Concat(head, arcs))
			}
		}
		out = longer[:min(len(longer), 12)]
	}
	return out
}

// rows gives most of the rows of a column a value.
func (m *maker) rows(base string, rows [][]uint32, value func() ber.Value) {
	for _, row := range rows {
		if m.chance(90) {
			m.values[ber.MustOID(base).Join(ber.MakeOID(row...))] = value()
		}
	}
}

func (m *maker) metric(x *config.Metric) {
	rows := [][]uint32{{0}}
	if len(x.Indexes) > 0 {
		rows = m.product(x.Indexes)
		if m.chance(5) { // longer than the description, or shorter
			rows[0] = append(slices.Clone(rows[0]), 7)
			rows[len(rows)-1] = rows[len(rows)-1][:max(1, len(rows[len(rows)-1])-1)]
		}
	}
	m.rows(x.Oid, rows, func() ber.Value { return m.value(x) })
	if _, isCombined := map[string]bool{"InetAddress": true, "LldpPortId": true, "InetAddressMissingSize": true}[x.Type]; isCombined {
		m.rows(before(x.Oid), rows, func() ber.Value { return ber.IntegerValue(int64(m.pick(9))) })
	}
	byLabel := map[string]*config.Index{}
	for _, i := range x.Indexes {
		byLabel[i.Labelname] = i
	}
	for _, l := range x.Lookups {
		var keys []*config.Index
		for _, label := range l.Labels {
			if i := byLabel[label]; i != nil {
				keys = append(keys, i)
			}
		}
		if len(l.Labels) == 0 || len(keys) != len(l.Labels) {
			continue
		}
		like := &config.Metric{Name: l.Labelname, Type: l.Type}
		if like.Type == "" {
			like.Type = "OctetString"
		}
		m.rows(l.Oid, m.product(keys), func() ber.Value { return m.value(like) })
	}
}

// before is the object before another.
func before(oid string) string {
	at := strings.LastIndexByte(oid, '.')
	n, err := strconv.Atoi(oid[at+1:])
	if err != nil {
		panic(err)
	}
	return oid[:at+1] + strconv.Itoa(n-1)
}

func (m *maker) text(of []string) ber.Value {
	return ber.OctetsValue(ber.OctetString, of[m.pick(len(of))])
}

func (m *maker) octets(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.pick(256))
	}
	return string(b)
}

// value makes up a value of the type that a metric says, mostly.
func (m *maker) value(x *config.Metric) ber.Value {
	if m.chance(3) {
		return []ber.Value{
			ber.IntegerValue(3), ber.OctetsValue(ber.OctetString, "42"), ber.ObjectIDValue(ber.MustOID("1.3.6.1.9")),
			ber.OctetsValue(ber.IPAddress, "\x0a\x00\x00\x01"), ber.DoubleValue(2.5), ber.NumberValue(ber.Gauge32, 8),
		}[m.pick(6)]
	}
	if len(x.RegexpExtracts) > 0 {
		return m.text([]string{"True", "False", "2345", "7", "45", "36.25 C", "-1", "", "nothing"})
	}
	enum := make([]int, 0, len(x.EnumValues))
	for n := range x.EnumValues {
		enum = append(enum, n)
	}
	slices.Sort(enum)
	switch x.Type {
	case "counter":
		if m.chance(50) {
			return ber.NumberValue(ber.Counter32, uint64(m.rand.Uint32()))
		}
		return ber.NumberValue(ber.Counter64, m.rand.Uint64()>>m.pick(60))
	case "Float", "Double":
		if m.chance(50) {
			return ber.FloatValue(float32(m.pick(1000)) / 16)
		}
		return ber.DoubleValue(math.Pi * float64(m.pick(1000)))
	case "DateAndTime":
		year := 1970 + int(m.pick(80))
		date := string([]byte{
			byte(year >> 8), byte(year), byte(1 + m.pick(12)), byte(1 + m.pick(28)), byte(m.pick(24)), byte(m.pick(60)),
			byte(m.pick(60)), byte(m.pick(10)),
		})
		return m.text([]string{date, date + "+\x02\x00", date + "-\x05\x1e", date + "?\x00\x00", date[:5], ""})
	case "ParseDateAndTime":
		at := time.Unix(int64(m.rand.Uint32()), 0).UTC()
		return m.text([]string{timefmt.Format(at, x.DateTimePattern), "", "fiscal 2026"})
	case "DisplayString":
		return m.text([]string{"", "eth0", "Größe", "gr\xf6\xdfe", "with\x00zero", "two\nlines", m.octets(3)})
	case "OctetString":
		return m.text([]string{"", "\x00\xff", m.octets(9), "text"})
	case "PhysAddress48":
		return m.text([]string{m.octets(6), m.octets(6), m.octets(5), m.octets(8), ""})
	case "InetAddressIPv4":
		if m.chance(50) {
			return ber.OctetsValue(ber.IPAddress, m.octets(4))
		}
		return m.text([]string{m.octets(4), m.octets(3), ""})
	case "InetAddressIPv6":
		return m.text([]string{m.octets(16), m.octets(3)})
	case "InetAddress", "InetAddressMissingSize", "LldpPortId":
		return m.text([]string{m.octets(16), m.octets(4), m.octets(6), "eth0", ""})
	case "Bits":
		return m.text([]string{m.octets(1), m.octets(2), m.octets(8), ""})
	case "EnumAsInfo", "EnumAsStateSet":
		if len(enum) > 0 && m.chance(80) {
			return ber.IntegerValue(int64(enum[m.pick(len(enum))]))
		}
		return ber.IntegerValue(int64(m.pick(100)) - 3)
	}
	switch m.pick(4) {
	case 0:
		return ber.NumberValue(ber.Gauge32, uint64(m.rand.Uint32()))
	case 1:
		return ber.NumberValue(ber.TimeTicks, uint64(m.rand.Uint32()))
	case 2:
		return ber.IntegerValue(int64(int32(m.rand.Uint32())))
	}
	return ber.IntegerValue(int64(1 + m.pick(8)))
}
