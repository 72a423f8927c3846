package pluginfile

import (
	"regexp"
	"strconv"
)

// strictVersion is what Panoptes takes for a version.
var strictVersion = regexp.MustCompile(`^(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?([ab]\d{1,9})?$`)

// printVersion returns a version as Panoptes prints it, and whether Panoptes would take it at all.
func printVersion(text string) (string, bool) {
	m := strictVersion.FindStringSubmatch(text)
	if m == nil {
		return text, false
	}
	out := number(m[1]) + "." + number(m[2])
	if third := number(m[3]); third != "0" {
		out += "." + third
	}
	if m[4] != "" {
		out += m[4][:1] + number(m[4][1:])
	}
	return out, true
}

// number drops leading zeros; no digits are 0.
func number(digits string) string {
	n, _ := strconv.Atoi(digits)
	return strconv.Itoa(n)
}
