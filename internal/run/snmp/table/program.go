package table

import (
	"regexp"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
)

// Program is what to fetch from a device and how it becomes metrics groups.
type Program struct {
	columns []Column
	all     *engine.Request // for all columns, in their order
	tables  []*Table
	filters []Filter
	uptime  int // column, or None
	// uptimeOID is the variable of uptime.
	uptimeOID ber.OID
}

// Uptime returns the variable that tells how long the device has run, if the Program has one.
func (p *Program) Uptime() (oid ber.OID, has bool) {
	if p.uptime == None {
		return oid, false
	}
	return p.uptimeOID, true
}

// None is the number of no column and of no slot.
const None = -1

// Column is the values below an OID. Columns are fetched once, however many tables use them.
type Column struct {
	// OID is what the index of a row follows.
	OID ber.OID
	// Rows are the rows to read; nil walks all of them.
	Rows []ber.OID
	// Under walks only the rows whose index begins so.
	Under ber.OID
	// Single is for a scalar, which belongs to any row: Rows has its one index.
	Single bool
	// Repetitions is how many rows to ask for at a time while nothing is known of the column; 0 leaves it to the engine.
	Repetitions int
	// AnyOrder lets its walk go on where the agent's answers do not ascend.
	AnyOrder bool
	// Refresh is how long values are kept; 0 fetches them in each run. New rows and a restart of the device end it.
	Refresh time.Duration

	names  []string // of the metrics and dimensions that use it
	narrow int      // the table whose keep says which rows are fetched, or None
	filter int      // the filter that says so, or None
}

// Table makes one metrics group of each row, and more where a metric brings a dimension of its own (see Shape).
type Table struct {
	Group string
	Help  string
	// Scalar is a group of scalars, of which there is one row.
	Scalar bool
	// Index is how the index is read. Its parts are the first slots.
	Index []IndexPart
	// PadIndex reads missing arcs as zeros and ignores what is left over; otherwise such a row is dropped.
	PadIndex bool
	// Lookups are the slots after the parts of the index; each may use those before it.
	Lookups    []Lookup
	Dimensions []Dimension
	Metrics    []Metric
	// Keep are conditions that a row must all meet.
	Keep []Condition
	// Discontinuity is a column of sysUpTime at which the row's counters began anew, or None.
	Discontinuity int

	drivers []int // columns whose rows are the table's
	aligned []int // columns looked up by the whole index, drivers first
	unique  bool  // the dimensions tell all rows apart
}

// Lookup is a value of a column that belongs to a row.
type Lookup struct {
	// Columns are tried in order; the first that has the row counts.
	Columns []int
	// Key is where in the columns to look; nil is the row's own index.
	Key []KeyPart
	// Whole says that Key is all parts of the index in order, which is the row's own index unless arcs are missing or left
	// over.
	Whole bool
	// ZeroKey makes a value that is no integer the arc 0 of a further key, as snmp_exporter does.
	ZeroKey bool
}

// KeyPart is a piece of a key: the arcs of the first of Slots that has a value, a part of the index or a lookup.
// Without Slots it is the arcs From to To (one past the last) of the row's index.
type KeyPart struct {
	Slots    []int
	From, To int
}

// Dimension is a dimension of the groups of a table.
type Dimension struct {
	Name string
	Help string
	// Slot is where its value comes from; None for Constant.
	Slot     int
	Constant string
	Text     Text
}

// Text says how a value becomes text.
type Text struct {
	Format Format
	// Subtype is a column whose value in the same row says the format, as InetAddressType does of InetAddress; else None.
	Subtype  int
	Subtypes map[int64]Format
	// SubtypeKey is where in Subtype to look; nil is the row's own index.
	SubtypeKey []KeyPart
	// Unknown is the format of other subtypes, or of none.
	Unknown Format
	// Enum names integers. What it does not name keeps its number.
	Enum map[int64]string
	// Names replaces texts. What it does not have stays as it is.
	Names map[string]string
	// Pattern must match for there to be a text, which is then Template filled in.
	Pattern  *regexp.Regexp
	Template string
}

// Kind says whether a metric is a gauge or a counter.
type Kind uint8

// Kinds of metrics.
const (
	// KindByType makes counters of Counter32 and Counter64, gauges of all else.
	KindByType Kind = iota
	KindGauge
	KindCounter
)

// Shape says what a metric makes of a row.
type Shape uint8

// Shapes of metrics.
const (
	// ShapeNumber: the value, in the row's group.
	ShapeNumber Shape = iota
	// ShapeText: 1 in a group of its own, which has the value as dimension Label. Where the row has the dimension already
	// the 1 goes into the row's group.
	ShapeText
	// ShapeStates: a group for each state of Enum, with the state as dimension Label; 1 for the present one, 0 for others.
	ShapeStates
	// ShapeBits: the same for each named bit of a BITS value.
	ShapeBits
	// ShapeExtracts: one number for each of Extracts that matches.
	ShapeExtracts
	// ShapeOne: 1 for each row.
	ShapeOne
)

// Metric is a metric of the groups of a table.
type Metric struct {
	Name string
	Unit string
	Help string
	Kind Kind
	// Columns are tried in order; the first that has a number for the row counts.
	Columns []int
	Shape   Shape
	Convert Conversion
	// Pattern is the layout of ConvertPattern.
	Pattern string
	// Scale multiplies, where it is not 0; Offset is added afterwards. Divisor divides in the place of Scale: 73 by 10 is 7.3,
	// and multiplied by 0.1 it is not.
	Scale, Divisor, Offset float64
	// Label is the dimension that the shape adds.
	Label string
	Text  Text
	// Enum are the states or bits, in order.
	Enum []EnumValue
	// Numbers replaces values; what it does not have is dropped.
	Numbers  map[int64]float64
	Extracts []Extract
}

// EnumValue is a named integer.
type EnumValue struct {
	Value int64
	Name  string
}

// Extract is a number within a text: the first of its rules that matches and gives a number counts.
type Extract struct {
	Suffix string // of the metric's name
	Rules  []ExtractRule
}

// ExtractRule fills in Template with what Pattern found.
type ExtractRule struct {
	Pattern  *regexp.Regexp
	Template string
}

// Condition is a condition that a row must meet. A row without a value meets none but a negated one.
type Condition struct {
	Slot int
	Text Text
	// Is lists texts, one of which must be equal; nil asks Matches alone.
	Is      []string
	Matches *regexp.Regexp
	Not     bool
}

// Filter restricts columns to rows that another column speaks for, as filters of snmp_exporter do: a row of Column whose
// text matches one of Patterns allows its last arc as index of the columns that it restricts.
type Filter struct {
	Column   int
	Patterns []*regexp.Regexp
}
