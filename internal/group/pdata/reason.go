package pdata

import "math/bits"

// Reason says why a data point was changed or dropped on its way between metrics groups and pdata. The list is closed;
// the texts are values of a metric's attribute.
type Reason string

// Reasons for which a data point is dropped.
const (
	// ReasonNotFinite is a value that is NaN or infinite.
	ReasonNotFinite Reason = "not_finite"
	// ReasonNoValue is a point without a value: marked as not recorded (stale), or empty.
	ReasonNoValue Reason = "no_recorded_value"
	// ReasonTimestampRange is a metric's time that pdata cannot hold: before 1970, after 2554, or no number.
	ReasonTimestampRange Reason = "timestamp_out_of_range"
	// ReasonNameCollision is a metric whose name became that of another metric of its group.
	ReasonNameCollision Reason = "name_collision"
	// ReasonHistogram is a histogram, which has no form in a metrics group.
	ReasonHistogram Reason = "histogram"
	// ReasonExponentialHistogram is an exponential histogram, which has no form in a metrics group.
	ReasonExponentialHistogram Reason = "exponential_histogram"
	// ReasonSummary is a summary, which has no form in a metrics group.
	ReasonSummary Reason = "summary"
)

// Reasons for which a data point is degraded: it gets through, but something about it was lost, guessed or changed.
const (
	// ReasonIntegerRange is an integer beyond int64 that became a double.
	ReasonIntegerRange Reason = "integer_out_of_range"
	// ReasonPrefixLost is a metric name that does not begin with its scope's group type.
	ReasonPrefixLost Reason = "prefix_lost"
	// ReasonTypeLost is a scope without group type: it was taken from the metric's name or the scope's.
	ReasonTypeLost Reason = "type_lost"
	// ReasonIntervalLost is a scope without a usable interval: the default was taken.
	ReasonIntervalLost Reason = "interval_lost"
	// ReasonResourceDerived is a resource of which a field was taken from other attributes or from the defaults.
	ReasonResourceDerived Reason = "resource_derived"
	// ReasonResourceDimension is an attribute of the resource that became a dimension.
	ReasonResourceDimension Reason = "resource_dimension"
	// ReasonNameSanitised is a metric, dimension or metadata name with characters that Panoptes does not allow.
	ReasonNameSanitised Reason = "name_sanitised"
	// ReasonAttributeEmpty is an attribute with an empty value that was dropped.
	ReasonAttributeEmpty Reason = "attribute_empty"
	// ReasonAttributeCollision is an attribute that was dropped since its name became that of another one.
	ReasonAttributeCollision Reason = "attribute_collision"
	// ReasonAttributeText is an attribute that was no string and became its text.
	ReasonAttributeText Reason = "attribute_text"
	// ReasonMetadataSanitised is a metadata value with "|", which separates entries in Panoptes' store, or a time to live
	// that is no whole number of seconds.
	ReasonMetadataSanitised Reason = "metadata_sanitised"
	// ReasonNotCumulative is a sum that is not cumulative and became a gauge.
	ReasonNotCumulative Reason = "sum_not_cumulative"
	// ReasonNotMonotonic is a sum that may fall and became a gauge.
	ReasonNotMonotonic Reason = "sum_not_monotonic"
	// ReasonNoTimestamp is a point without a time, which is read as 1970.
	ReasonNoTimestamp Reason = "no_timestamp"
)

// reasonOrder gives each reason its bit in a reasonSet. The reasons to drop come first.
var reasonOrder = [...]Reason{
	ReasonNotFinite, ReasonNoValue, ReasonTimestampRange, ReasonNameCollision, ReasonHistogram,
	ReasonExponentialHistogram, ReasonSummary,
	ReasonIntegerRange, ReasonPrefixLost, ReasonTypeLost, ReasonIntervalLost, ReasonResourceDerived,
	ReasonResourceDimension, ReasonNameSanitised, ReasonAttributeEmpty, ReasonAttributeCollision, ReasonAttributeText,
	ReasonMetadataSanitised, ReasonNotCumulative, ReasonNotMonotonic, ReasonNoTimestamp,
}

// Bits of a reasonSet, in the order of reasonOrder.
const (
	notFinite reasonSet = 1 << iota
	noValue
	timestampRange
	nameCollision
	histogram
	exponentialHistogram
	summary
	integerRange
	prefixLost
	typeLost
	intervalLost
	resourceDerived
	resourceDimension
	nameSanitised
	attributeEmpty
	attributeCollision
	attributeText
	metadataSanitised
	notCumulative
	notMonotonic
	noTimestamp
)

const droppedReasons = integerRange - 1

// Reasons returns all reasons, those to drop first.
func Reasons() []Reason { return append([]Reason(nil), reasonOrder[:]...) }

// Dropped says whether r drops a data point; otherwise it degrades one.
func (r Reason) Dropped() bool {
	for i, o := range reasonOrder {
		if o == r {
			return droppedReasons&(1<<i) != 0
		}
	}
	return false
}

// Report counts data points by the reason for which they were dropped or degraded. A degraded point counts once for
// each reason it has; a dropped one counts for what dropped it alone. It is nil where there was none.
type Report map[Reason]int

// Dropped is the number of data points that were dropped.
func (r Report) Dropped() int {
	n := 0
	for reason, count := range r {
		if reason.Dropped() {
			n += count
		}
	}
	return n
}

// Add adds the counts of o to r, which must not be nil where o has any.
func (r Report) Add(o Report) {
	for reason, count := range o {
		r[reason] += count
	}
}

// reasonSet is a set of reasons.
type reasonSet uint32

// tally counts points by reason.
type tally struct {
	counts [len(reasonOrder)]int
	any    bool
}

// add counts points for each reason of set.
func (t *tally) add(set reasonSet, points int) {
	for ; set != 0; set &= set - 1 {
		t.counts[bits.TrailingZeros32(uint32(set))] += points
		t.any = t.any || points > 0
	}
}

// report returns the counts as a Report.
func (t *tally) report() Report {
	if !t.any {
		return nil
	}
	r := Report{}
	for i, n := range t.counts {
		if n > 0 {
			r[reasonOrder[i]] = n
		}
	}
	return r
}
