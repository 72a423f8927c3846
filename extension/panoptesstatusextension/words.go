package panoptesstatusextension

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var stateNames = map[status.State]string{
	status.Failing: "failing", status.BackingOff: "backing off", status.Late: "late", status.Running: "running",
	status.Waiting: "waiting", status.OK: "ok",
}

// stateMarks tell the states apart without colour.
var stateMarks = map[status.State]string{
	status.Failing: "✕", status.BackingOff: "‖", status.Late: "◷", status.Running: "▶", status.Waiting: "○", status.OK: "✓",
}

// orderNames are what people read for the keys of orders.
var orderNames = map[string]string{
	"urgency": "most urgent", "name": "name", "duration": "longest run", "lateness": "latest start", "points": "most data points",
	"bytes": "most bytes", "start": "last started", "next": "next due", "tasks": "most tasks", "failing": "most failing",
	"runs": "most runs", "busy": "most time", "cpu": "most CPU", "series": "most series",
}

// ago says how long before now a time was, or after it.
func ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d > -time.Second && d < time.Second:
		return "just now"
	case d < 0:
		return "in " + duration((-d).Truncate(time.Second))
	default:
		return duration(d.Truncate(time.Second)) + " ago"
	}
}

// due says when something is to happen that may be overdue.
func due(now, t time.Time) string {
	if d := now.Sub(t); !t.IsZero() && d >= time.Second {
		return "due " + duration(d.Truncate(time.Second)) + " ago"
	} else if !t.IsZero() && d > -time.Second {
		return "now"
	}
	return ago(now, t)
}

// duration is a time to be read at a glance: two significant parts at the most.
func duration(d time.Duration) string {
	switch {
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// exactly is a time that somebody set, with all its parts.
func exactly(d time.Duration) string {
	unit, name := time.Hour, " h"
	switch {
	case d < 2*time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
	case d < 2*time.Hour:
		unit, name = time.Minute, " min"
	}
	text := strconv.FormatInt(int64(d/unit), 10) + name
	if rest := d % unit; rest > 0 {
		text += " " + exactly(rest)
	}
	return text
}

// thousands writes a number with narrow blanks between thousands, at which no line breaks.
func thousands[N int | int64](n N) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// byteCount is a number of bytes to be read at a glance.
func byteCount(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.5 {
		v, unit = v/1000, unit+1
	}
	digits := 0
	if v < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + units[unit:unit+1] + "B"
}

// named is what a resource is called. Discovery plugins run against none.
func named(r *pluginsdk.Resource) string {
	if r.ID == "" {
		return "no resource"
	}
	return r.ID
}

// onlyFilter is the resource filter that takes one resource.
func onlyFilter(r *pluginsdk.Resource) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var conditions []string
	for _, c := range []struct{ field, value string }{
		{"site", r.Site}, {"class", r.Class}, {"subclass", r.Subclass}, {"type", r.Type}, {"id", r.ID},
	} {
		conditions = append(conditions, fmt.Sprintf(`resource_%s = "%s"`, c.field, quote.Replace(c.value)))
	}
	return strings.Join(conditions, " AND ")
}

// cause is the first line of an error of a run, without what stands beside it in a list: plugin and resource.
func cause(text, plugin, id string) string {
	line := strings.TrimPrefix(logs.FirstLine(text), fmt.Sprintf("plugin %q: ", plugin))
	return strings.TrimPrefix(line, fmt.Sprintf("resource %q: ", id))
}

// indented is a JSON text for people.
func indented(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// counted is logs.Count with blanks between thousands.
func counted(n int, thing string) string {
	_, things, _ := strings.Cut(logs.Count(n, thing), " ")
	return thousands(n) + " " + things
}
