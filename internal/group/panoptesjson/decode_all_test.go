package panoptesjson

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func message(groupType string) string {
	return `{` + strings.Replace(goodHead, `"t"`, `"`+groupType+`"`, 1) + `, "resource": ` + goodResource + `, "metrics": [` + goodMetric + `], "dimensions": []}`
}

// parts tells what DecodeAll finds: the types of groups, and errors with what they are about.
func parts(t *testing.T, d *Decoder, text string) (out []string) {
	t.Helper()
	index := 0
	if err := d.DecodeAll([]byte(text), func(p Part) error {
		if p.Index != index {
			t.Errorf("part %d is number %d", index, p.Index)
		}
		index++
		if p.Err == nil {
			out = append(out, p.Group.Type)
			var alone pluginsdk.MetricsGroup
			if err := NewDecoder(DecoderOptions{}).Decode(p.Text, &alone); err != nil {
				t.Errorf("%v\n%s", err, p.Text)
			}
			return nil
		}
		var at *Error
		if !errors.As(p.Err, &at) || at.Offset < 0 || at.Offset > len(text) {
			t.Errorf("%v", p.Err)
		}
		kind := "bad"
		if p.Broken {
			kind = "broken"
		}
		out = append(out, fmt.Sprintf("%s %s", kind, p.Text))
		return nil
	}); err != nil {
		t.Error(err)
	}
	return out
}

func TestDecodeAll(t *testing.T) {
	t.Parallel()
	a, b, c := message("a"), message("b"), message("c")
	pretty := strings.NewReplacer(", ", ",\n  ", "}", "\n}").Replace(b)
	cut := b[:len(b)-20]
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                {"", nil},
		"blanks":                 {" \r\n\t\n", nil},
		"an empty list":          {"[ ]", nil},
		"one":                    {a, []string{"a"}},
		"one over several lines": {"\n" + pretty + "\n", []string{"b"}},
		"lines":                  {a + "\n" + b + "\r\n\n" + c + "\n", []string{"a", "b", "c"}},
		"pretty ones in a row":   {a + "\n" + pretty + c, []string{"a", "b", "c"}},
		"a list":                 {"[" + a + ", " + b + ",\n" + c + "]", []string{"a", "b", "c"}},
		"lines of lists":         {"[" + a + "," + b + "]\n[]\n[" + c + "]\n", []string{"a", "b", "c"}},
		"a bad one in a list":    {"[" + a + `, {"x": [1, "]"]}, ` + c + "]", []string{"a", `bad {"x": [1, "]"]}`, "c"}},
		"no groups in a list":    {`[` + a + `, 5, null, "x", ` + c + "]", []string{"a", "bad 5", "bad null", `bad "x"`, "c"}},
		"a bad line":             {a + "\n{}\n" + c, []string{"a", "bad {}", "c"}},
		"a line that is no JSON": {a + "\nHTTP/1.1 200 OK\n" + c, []string{"a", "broken HTTP/1.1 200 OK\n", "c"}},
		"a line cut short":       {a + "\n" + cut + "\n" + c, []string{"a", "broken " + cut + "\n", "c"}},
		"the last one cut short": {a + "\n" + cut, []string{"a", "broken " + cut}},
		"a list cut short":       {"[" + a + ",\n " + cut + ",\n " + c, []string{"a", "broken " + cut + ",\n ", "c"}},
		"something behind":       {a + " x\n\n" + c, []string{"a", "broken x\n\n", "c"}},
		"lines without an end":   {`{"a` + "\n" + `[{"b": ` + "\n" + c, []string{`broken {"a` + "\n", `broken {"b": ` + "\n", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := parts(t, NewDecoder(DecoderOptions{}), tt.text); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestDecodeAllEndsEarly(t *testing.T) {
	t.Parallel()
	d := NewDecoder(DecoderOptions{MaxBytes: 2000})
	stop, calls := errors.New("stop"), 0
	visit := func(Part) error { calls++; return stop }
	if err := d.DecodeAll([]byte(message("a")+message("b")), visit); !errors.Is(err, stop) || calls != 1 {
		t.Error(calls, err)
	}
	var at *Error
	if err := d.DecodeAll(make([]byte, 2001), visit); !errors.As(err, &at) || calls != 1 || !strings.Contains(err.Error(), "2001 bytes, limit is 2000") {
		t.Error(calls, err)
	}
}

// TestDecodeAllReadsWhatIsWritten: the messages of a batch, one a line or as a list, are its groups again.
func TestDecodeAllReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	e := NewEncoder(pdata.FromOptions{}, testRoutes)
	rapid.Check(t, func(t *rapid.T) {
		var written [][]byte
		_, _ = e.Encode(drawMetrics(t), func(m *Message) error {
			written = append(written, bytes.Clone(m.JSON))
			return nil
		})
		lines, list := bytes.Join(written, []byte("\n")), append(append([]byte("["), bytes.Join(written, []byte(", "))...), ']')
		for _, text := range [][]byte{lines, list} {
			d, n := NewDecoder(DecoderOptions{}), 0
			_ = d.DecodeAll(text, func(p Part) error {
				if !bytes.Equal(p.Text, written[n]) {
					t.Fatalf("got\n%s\nwant\n%s", p.Text, written[n])
				}
				if p.Err != nil {
					t.Fatal(p.Err)
				}
				n++
				return nil
			})
			if n != len(written) {
				t.Fatalf("%d of %d", n, len(written))
			}
		}
	})
}

func TestGroupType(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		message("x"): "x",
		` {"a": {"metrics_group_type": "no"}, "metrics_group_type": "t\u00e9", `: "té",
		`{"metrics_group_type": 5}`:     "",
		`{"a": [`:                       "",
		`{}`:                            "",
		``:                              "",
		`[{"metrics_group_type": "t"}]`: "",
	} {
		if got := GroupType([]byte(in)); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

// allocated is how many bytes the process has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Reading may allocate so much for each byte of a text, besides what other goroutines do meanwhile. The most expensive thing is
// a list of small things that are no groups: an error each.
const (
	bytesPerByte = 64
	bytesBeside  = 1 << 20
)

// TestDecodeAllIsBounded reads texts that are made to be expensive: deep, long, unended, full of errors, names or escapes.
// It ends soon, and the memory is in proportion.
func TestDecodeAllIsBounded(t *testing.T) {
	const size = 1 << 20
	fill := func(head, one, end string) string { return head + strings.Repeat(one, size/len(one)) + end }
	numbered := func(head, one, end string) string {
		b := []byte(head)
		for i := 0; len(b) < size; i++ {
			b = fmt.Appendf(b, one, i)
		}
		return string(append(b, end...))
	}
	for name, text := range map[string]string{
		"deep lists":        fill("", `[`, ``),
		"deep inside":       fill(`{"a": `, `[`, ``),
		"deep objects":      fill("", `{"a":`, ``),
		"open lines":        fill("", "{\"a\": [\n", ``),
		"unended strings":   fill("", "{\"a\n", ``),
		"one string":        fill(`{"a": "`, `\"`, ``),
		"escapes":           fill(`{"metrics_group_type": "`, `\u00e9`, `"}`),
		"numbers":           fill(`[`, `1,`, `]`),
		"a number":          fill(`{"metrics_group_interval": `, `1`, `}`),
		"a fraction":        fill(`{"metrics_group_interval": 0.`, `1`, `}`),
		"quotes":            fill("", `"`, ``),
		"keys":              numbered(`{`, `"k%d": 1, `, `"a": 1}`),
		"metadata":          numbered(`{"resource": {"resource_metadata": {`, `"k%d": "v", `, `"a": "v"}}}`),
		"metrics":           numbered(`{"metrics": [`, `{"metric_name": "m%d", "metric_value": 1, "metric_type": "gauge"}, `, `null]}`),
		"dimensions":        numbered(`{"dimensions": [`, `{"dimension_name": "d%d", "dimension_value": "v"}, `, `null]}`),
		"groups":            fill("", message("t")+"\n", ``),
		"broken and good":   fill("", "x\n"+message("t")+"\n", ``),
		"empty groups":      fill("", `{}`, ``),
		"brackets only":     fill("", `[],`, ``),
		"resources":         numbered("", strings.Replace(message("t"), `"resource_id": "i"`, `"resource_id": "%d"`, 1)+"\n", ``),
		"a group of groups": fill(`{"metrics": [`, message("t")+`,`, `]}`),
	} {
		d := NewDecoder(DecoderOptions{})
		before, parts := allocated(), 0
		if err := d.DecodeAll([]byte(text), func(Part) error { parts++; return nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if used := allocated() - before; used > bytesPerByte*uint64(len(text))+bytesBeside {
			t.Errorf("%s: %d bytes for %d, in %d parts", name, used, len(text), parts)
		}
		t.Logf("%s: %d bytes a byte, %d parts", name, (allocated()-before)/uint64(len(text)), parts)
	}
}

// FuzzDecodeAll: no panic, parts in order without anything but separators between them, memory in proportion.
func FuzzDecodeAll(f *testing.F) {
	f.Add([]byte(message("a") + "\n" + message("b")))
	f.Add([]byte("[" + message("a") + `, {"x": 1}, ` + message("b") + "]\n[{\"a\"\n{}"))
	d := NewDecoder(DecoderOptions{})
	f.Fuzz(func(t *testing.T, data []byte) {
		before, rest := allocated(), data
		_ = d.DecodeAll(data, func(p Part) error {
			at := bytes.Index(rest, p.Text)
			if at < 0 || len(bytes.Trim(rest[:at], " \t\r\n[],")) > 0 || len(p.Text) == 0 || (p.Err == nil) != (p.Group != nil) {
				t.Fatalf("part %d of %q: %q, %v", p.Index, data, p.Text, p.Err)
			}
			rest = rest[at+len(p.Text):]
			_ = GroupType(p.Text)
			return nil
		})
		if len(bytes.Trim(rest, " \t\r\n[],")) > 0 {
			t.Fatalf("%q was left out of %q", rest, data)
		}
		if used := allocated() - before; used > bytesPerByte*uint64(len(data))+bytesBeside {
			t.Fatalf("%d bytes for %d", used, len(data))
		}
	})
}
