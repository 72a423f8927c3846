package output

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func defaults() Defaults {
	return Defaults{
		Resource: &pluginsdk.Resource{Site: "dc1", Class: "c", Subclass: "s", Type: "t", ID: "id", Endpoint: "e", Plugin: "p"},
		Type:     "check", Interval: 60, Time: pluginsdk.Float(1500),
	}
}

// show is a line for each item: type {dimensions} metrics, or the error.
func show(items []Item, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, i := range items {
		if i.Err != nil {
			fmt.Fprintf(&b, "[%s %s] %v\n", i.Type, i.Metric, i.Err)
			continue
		}
		b.WriteString(i.Group.Type)
		for _, d := range i.Group.SortedDimensions() {
			fmt.Fprintf(&b, " {%s=%s}", d.Name, d.Value)
		}
		for _, m := range i.Group.Metrics() {
			fmt.Fprintf(&b, " %s:%s=%s", m.Type.String()[:1], m.Name, m.Value)
			if !m.Timestamp.Equal(pluginsdk.Float(1500)) {
				fmt.Fprintf(&b, "@%s", m.Timestamp)
			}
			if m.Unit != "" {
				fmt.Fprintf(&b, "[%s]", m.Unit)
			}
			if m.Description != "" {
				fmt.Fprintf(&b, "(%s)", m.Description)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

type outputCase struct{ name, text, want string }

func check(t *testing.T, format Format, d Defaults, cases []outputCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := show(Read(t.Context(), format, []byte(c.text), 1, d))
			if strings.TrimSpace(got) != strings.TrimSpace(c.want) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestParseFormat(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Format{"": JSON, "json": JSON, "prometheus": Prometheus, "nagios": Nagios} {
		if got, err := ParseFormat(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil || err.Error() != `output must be "json", "prometheus" or "nagios", is "xml"` {
		t.Error(err)
	}
	for text, want := range map[string]Units{"": UnitsGiven, "given": UnitsGiven, "base": UnitsBase, "ratio": UnitsRatio} {
		if got, err := ParseUnits(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ParseUnits("SI"); err == nil || err.Error() != `units must be "given", "base" or "ratio", is "SI"` {
		t.Error(err)
	}
}

// A run whose deadline has come reads no further.
func TestReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for format, text := range map[Format]string{
		JSON:       strings.Repeat(`{"type":"a","gauges":{"n":1}}`+"\n", 1_000),
		Prometheus: strings.Repeat("a 1\n", 1_000),
		Nagios:     "OK|" + strings.Repeat(" a=1", 1_000),
	} {
		if items, err := Read(ctx, format, []byte(text), 0, defaults()); items != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %d items, %v", format, len(items), err)
		}
	}
}

// Errors and groups have bounds, and what is beyond them is counted; what is good is read behind whatever is bad.
func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	const bad = 1000
	for format, text := range map[Format]string{
		JSON:       strings.Repeat("x\n", bad) + `{"type":"a","gauges":{"n":1}}`,
		Prometheus: strings.Repeat("x\n", bad) + "a 1",
		Nagios:     "OK|" + strings.Repeat(" a=x", bad) + "\n| a=1",
	} {
		items, err := Read(t.Context(), format, []byte(text), 0, defaults())
		groups, left := 0, 0
		for _, i := range items {
			if i.Err == nil {
				groups++
			} else {
				left += 1 + i.More
			}
		}
		if err != nil || groups == 0 || left != bad || len(items) > maxErrors+3 {
			t.Errorf("%s: %v; %d items, %d groups, %d left out", format, err, len(items), groups, left)
		}
	}
	d := defaults()
	d.Groups = 2
	const limited = "the limit is 2 groups, and 3 samples or groups beyond it are left out"
	for format, text := range map[Format]string{
		JSON:       strings.Repeat(`{"type":"a","gauges":{"n":1}}`+"\n", 5),
		Prometheus: `a{x="1"} 1` + "\n" + `a{x="2"} 1` + "\n" + `a{x="3"} 1` + "\n" + `a{x="4"} 1` + "\n" + `a{x="5"} 1`,
		Nagios:     "OK| a=1 b=1 c=1 d=1",
	} {
		items, err := Read(t.Context(), format, []byte(text), 0, d)
		if err != nil || len(items) != 3 || !errors.Is(items[2].Err, ErrLimit) || items[2].More != 2 ||
			!strings.Contains(items[2].Err.Error(), limited) {
			t.Errorf("%s: %s", format, show(items, err))
		}
	}
}

// Shells of Windows write UTF-16.
func TestByteOrderMarks(t *testing.T) {
	t.Parallel()
	for format, text := range map[Format]string{JSON: `{"type":"check","gauges":{"g":5}}`, Prometheus: "g 5\r\n", Nagios: "größer 𝄞\n| g=5"} {
		for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
			data := order.AppendUint16(nil, 0xFEFF)
			for _, unit := range utf16.Encode([]rune(text)) {
				data = order.AppendUint16(data, unit)
			}
			for _, end := range []string{"", "\x00"} { // cut off
				got, err := Read(t.Context(), format, append(data, end...), 0, defaults())
				want, _ := Read(t.Context(), format, []byte(text), 0, defaults())
				if show(got, err) != show(want, nil) || len(got) == 0 {
					t.Errorf("%s, %s: %s", format, name, show(got, err))
				}
			}
			if format == Nagios && NagiosText(data) != "größer 𝄞" {
				t.Errorf("%q", NagiosText(data))
			}
		}
	}
	if got := NagiosText([]byte("\uFEFFOK \xff|a=1")); got != "OK \uFFFD" {
		t.Errorf("%q", got)
	}
}
