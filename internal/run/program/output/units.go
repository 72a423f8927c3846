package output

import (
	"fmt"
	"math"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Units says what becomes of the units of performance data: [main] units of the plugin file.
type Units string

const (
	// UnitsGiven leaves values as they are, and has the unit in a dimension. It is the default.
	UnitsGiven Units = "given"
	// UnitsBase takes known units to their base: seconds, bytes, percents; the metric has the unit.
	UnitsBase Units = "base"
	// UnitsRatio is UnitsBase with shares from 0 to 1 in place of percents.
	UnitsRatio Units = "ratio"
)

// ParseUnits reads what a plugin file says; "" is UnitsGiven.
func ParseUnits(text string) (Units, error) {
	switch u := Units(text); u {
	case "":
		return UnitsGiven, nil
	case UnitsGiven, UnitsBase, UnitsRatio:
		return u, nil
	}
	return "", fmt.Errorf("units must be %q, %q or %q, is %q", UnitsGiven, UnitsBase, UnitsRatio, text)
}

// unitScale takes a value to its base unit, which is written as UCUM does.
type unitScale struct {
	unit string
	// times or by is 0 or 1 where there is nothing to do.
	times, by int64
}

// unitScales are the units of checks. Checks count 1024 bytes as a KB, as they did before there was a KiB: check_disk
// takes its -u MB so, and /proc/meminfo has its kB so.
var unitScales = func() map[string]*unitScale {
	scales := map[string]*unitScale{
		"s": {unit: "s"}, "sec": {unit: "s"}, "seconds": {unit: "s"},
		"ms": {unit: "s", by: 1e3}, "us": {unit: "s", by: 1e6}, "µs": {unit: "s", by: 1e6}, "μs": {unit: "s", by: 1e6},
		"ns": {unit: "s", by: 1e9},
		"B":  {unit: "By"}, "bytes": {unit: "By"}, "%": {unit: "%"},
		"V": {unit: "V"}, "mV": {unit: "V", by: 1e3}, "A": {unit: "A"}, "mA": {unit: "A", by: 1e3}, "W": {unit: "W"},
		"Hz": {unit: "Hz"}, "°C": {unit: "Cel"}, "C": {unit: "Cel"},
	}
	factor := int64(1)
	for _, prefix := range []string{"K", "M", "G", "T", "P", "E"} {
		factor *= 1024
		scales[prefix+"B"] = &unitScale{unit: "By", times: factor}
		scales[prefix+"iB"] = &unitScale{unit: "By", times: factor}
	}
	scales["kB"], scales["kiB"] = scales["KB"], scales["KiB"]
	return scales
}()

func knownUnit(unit string) bool { return unitScales[unit] != nil || unit == "c" }

var percentAsShare = &unitScale{unit: "1", by: 100}

// scale is how to take a unit to its base; nil leaves it as it is.
func (u Units) scale(unit string) *unitScale {
	switch {
	case u == UnitsRatio && unit == "%":
		return percentAsShare
	case u == UnitsBase, u == UnitsRatio:
		return unitScales[unit]
	}
	return nil
}

func (s *unitScale) apply(n pluginsdk.Number) pluginsdk.Number {
	switch {
	case s.by > 1:
		return pluginsdk.Float(n.Float64() / float64(s.by))
	case s.times <= 1:
		return n
	}
	if i, ok := n.Int64(); ok && i <= math.MaxInt64/s.times && i >= math.MinInt64/s.times {
		return pluginsdk.Int(i * s.times)
	}
	return pluginsdk.Float(n.Float64() * float64(s.times))
}
