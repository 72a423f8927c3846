package output

import (
	"fmt"
	"strings"
	"testing"
)

func TestPrometheus(t *testing.T) {
	t.Parallel()
	check(t, Prometheus, defaults(), []outputCase{
		{"nothing", "", ""},
		{"kinds", `# HELP reads Reads.
# TYPE reads counter
reads{disk="a"} 5
reads{disk="b"} 1e3
# TYPE temp gauge
temp{disk="a"} 20.5
plain 7
`, "check {disk=a} c:reads=5(Reads.) g:temp=20.5\ncheck {disk=b} c:reads=1000(Reads.)\ncheck g:plain=7"},
		{"histogram", `# TYPE h histogram
h_bucket{le="0.50"} 1
h_bucket{le="1.0"} 2
h_bucket{le="+Inf"} 3
h_sum 4.5
h_count 3
`, "check {le=0.5} c:h_bucket=1\ncheck {le=1} c:h_bucket=2\ncheck {le=+Inf} c:h_bucket=3\ncheck c:h_sum=4.5 c:h_count=3"},
		{"summary", `# TYPE s summary
s{quantile="0.9",x="y"} 2
s_sum{x="y"} 9
s_count{x="y"} 4
`, "check {quantile=0.9} {x=y} g:s=2\ncheck {x=y} c:s_sum=9 c:s_count=4"},
		{"colon and empty label", `job:up{a=""} 1` + "\n", "check g:job_up=1"},
		{"the same name twice", "a_b 1\na:b 2\n", "check g:a_b=1\n[check a:b] line 2: sample \"a:b\": metric \"a_b\" (type \"gauge\") of group \"check\" is already there"},
		{"the same at another time", "a 1 1000\na 2 2000\na 3 2000\n", "check g:a=1@1.0\ncheck g:a=2@2.0\n[check a] line 3: sample \"a\": metric \"a\" (type \"gauge\") of group \"check\" is already there"},
		{"times are milliseconds", "a 1 1500000000500\n", "check g:a=1@1500000000.5"},
		{"a time in seconds", "a 1 1700000000.5\n", "check g:a=1@1700000000.5"},
		{"no Prometheus", "DISK OK\n", `error: stdout has no metrics groups: line 1: strconv.ParseFloat: parsing "OK": invalid syntax while parsing: "DISK OK"`},
	})
}

// Files as they are written by hand, by shells and on Windows.
func TestPrometheusAsItIsWritten(t *testing.T) {
	t.Parallel()
	const two = "check g:a=1\ncheck {x=y} g:b=35.85"
	check(t, Prometheus, defaults(), []outputCase{
		{"no final newline", "a 1\nb{x=\"y\"} 35.85", two},
		{"a single sample without newline", "a 1", "check g:a=1"},
		{"line ends of Windows", "# TYPE a gauge\r\na 1\r\nb{x=\"y\"} 35.85\r\n", two},
		{"a byte order mark", "\uFEFFa 1\nb{x=\"y\"} 35.85", two},
		{"blanks and tabs", "\n  a\t1  \n\n\tb{ x = \"y\" , }  35.85\t\n   \n", two},
		{"a blank after the type", "# TYPE a counter \na 1\n", "check c:a=1"},
		{
			"HELP and TYPE before each sample", `# HELP x X
# TYPE x counter
x{p="1"} 0
# HELP x X
# TYPE x counter
x{p="2"} 3
# TYPE later gauge
later 7
`, "check {p=1} c:x=0(X)\ncheck {p=2} c:x=3(X)\ncheck g:later=7",
		},
		{"a bad line in the middle", "a 1\nb{x=\"y\" 5\nc 2\nd 0,5\ne 3\n", "check g:a=1 g:c=2 g:e=3\n" +
			`[ ] line 2: expected label name, got "5" ("INVALID") while parsing: "b{x=\"y\" 5"` + "\n" +
			`[ ] line 4: strconv.ParseFloat: parsing "0,5": invalid syntax while parsing: "d 0,5"`},
		{"a type that is none", "# TYPE a meter\na 1\n", "[ ] line 1: invalid metric type \"meter\"\ncheck g:a=1"},
		{"a quote that is not closed", "a{x=\"y} 1\nb{x=\"y\"} 35.85", `[ ] line 1: expected label value, got "\"y} 1\n\n" ("INVALID") while parsing: "a{x=\"y} 1\n\n"` + "\ncheck {x=y} g:b=35.85"},
		{"NUL", "\x00\na 1\n", "[ ] line 1: it has neither a sample nor a comment\ncheck g:a=1"},
		{"a label twice", "a{x=\"1\",x=\"2\"} 1\nb 1\n", "[check a] line 1: sample \"a\": label \"x\" is there twice\ncheck g:b=1"},
		{"the name twice", "a{__name__=\"b\"} 1\nb 1\n", "[ ] line 1: the name of the metric must be there once\ncheck g:b=1"},
		{"no UTF-8", "a{x=\"\xff\"} 1\nb 1\n", "[ ] line 1: invalid UTF-8 label value: \"\\\"\\xff\\\"\"\ncheck g:b=1"},
		{"escapes", `a{x="1\n\\\"2"} 1`, "check {x=1\n\\\"2} g:a=1"},
		{"names of any letters", `{"http.status.größe","le.name"="x"} 5` + "\n" + `{"1st"} 2`, "check {le_name=x} g:http_status_größe=5\ncheck g:_1st=2"},
		{"values that are none", "a NaN\nb +Inf\nc -inf\nd 1_000\n", "check g:a=NaN g:b=Infinity g:c=-Infinity\n" + // which are dropped as not finite
			`[ ] line 4: unsupported character in float while parsing: "d 1_000"`},
		{"comments", "#\n# a comment\n#TYPE a counter\n# HELP\na 1\n", "check c:a=1"},
	})
}

// No number comes out that did not go in.
func TestPrometheusInventsNothing(t *testing.T) {
	t.Parallel()
	check(t, Prometheus, defaults(), []outputCase{
		{"fractions of counts", `# TYPE h histogram
h_bucket{le="1"} 2.5
h_bucket{le="+Inf"} 3.5
h_sum 4
h_count 3.5
`, "check {le=1} c:h_bucket=2.5\ncheck {le=+Inf} c:h_bucket=3.5\ncheck c:h_sum=4 c:h_count=3.5"},
		{"a histogram without count and sum", "# TYPE h histogram\nh_bucket{le=\"1\"} 2\n", "check {le=1} c:h_bucket=2"},
		{"a summary without sum", "# TYPE s summary\ns_count 5\n", "check c:s_count=5"},
		{"a count that is none", "# TYPE s summary\ns_count NaN\n", "check c:s_count=NaN"}, // which is dropped as not finite
		{"a negative count", "# TYPE s summary\ns_count -1\ns_sum -1\n", "[check s_count] line 2: sample \"s_count\": a count must not be negative, is -1\ncheck c:s_sum=-1"},
		{"a histogram of gauges", `# TYPE g gaugehistogram
g_bucket{le="+Inf"} 7
g_gcount 7
g_gsum 9
`, "check {le=+Inf} g:g_bucket=7\ncheck g:g_gcount=7 g:g_gsum=9"},
		{"large counts", "# TYPE c counter\nc 9007199254740993\nd 1e300\n", "check c:c=9007199254740992 g:d=1e+300"},
	})
}

func TestOpenMetrics(t *testing.T) {
	t.Parallel()
	check(t, Prometheus, defaults(), []outputCase{
		{"all of it", `# TYPE foo_seconds counter
# UNIT foo_seconds seconds
# HELP foo_seconds Time that \"foo\" took.
foo_seconds_total{a="b"} 17.0 1700000000 # {trace_id="x"} 0.5 1700000000.25
foo_seconds_created{a="b"} 1700000000.5
# TYPE build info
build_info{version="1"} 1
# TYPE mode stateset
mode{mode="on"} 1
# TYPE some unknown
some 5
# TYPE up gauge
up 1 1700000000.5
# EOF
`, `check {a=b} c:foo_seconds_total=17@1700000000.0[s](Time that "foo" took.) g:foo_seconds_created=1700000000.5[s](Time that "foo" took.)
check {version=1} g:build_info=1
check {mode=on} g:mode=1
check g:some=5 g:up=1@1700000000.5`},
		{"a counter as in the Prometheus format", "# TYPE foo counter\nfoo_total 1\nfoo_created 5\n", "check c:foo_total=1 g:foo_created=5[s]"},
		{"a counter with its full name", "# TYPE foo_total counter\n# HELP foo_total X\nfoo_total 1\n", "check c:foo_total=1(X)"},
		{"help of the sample, type of the family", "# TYPE foo counter\n# HELP foo_total X\nfoo_total 1\n", "check c:foo_total=1(X)"},
		{"other suffixes are no counters", "# TYPE foo counter\nfoo_count 1\nfoo_sum 2\nfoo_info 1\n", "check g:foo_count=1 g:foo_sum=2 g:foo_info=1"},
		{"a type that is only in OpenMetrics", "# TYPE b info\nb_info 1 1700000000\n", "check g:b_info=1@1700000000.0"},
		{"an exemplar in the Prometheus format", "a 1 # {trace_id=\"x\"} 0.5\nb 2 1700000000000\n", "check g:a=1 g:b=2@1700000000.0"},
		{"blanks that OpenMetrics does not have", "#\tTYPE  a  counter\n#HELP  a  b  c \na   1  1700000000\nb\t2\n# EOF\n", "check c:a=1@1700000000.0(b  c) g:b=2"},
		{"after its end", "a 1\n# EOF\nb 2\n# EOF\n", "check g:a=1 g:b=2"},
		{"a unit that the name does not end with", "# TYPE foo counter\n# UNIT foo seconds\nfoo_total 17\n", "[ ] line 2: unit \"seconds\" not a suffix of metric \"foo\"\ncheck c:foo_total=17"},
		{"units", "# UNIT a_bytes bytes\na_bytes 1\n# UNIT b_ratio ratio\nb_ratio 0.5\n# UNIT c_fish fish\nc_fish 1\n# UNIT d_ö ö\n", "check g:a_bytes=1[By] g:b_ratio=0.5[1] g:c_fish=1[{fish}]\n[ ] line 7: expected text in UNIT"},
		{"the unit of a histogram is its sum's", "# TYPE h_seconds histogram\n# UNIT h_seconds seconds\nh_seconds_count 1\nh_seconds_sum 2\n", "check c:h_seconds_count=1 c:h_seconds_sum=2[s]"},
	})
}

func TestPrometheusLimits(t *testing.T) {
	t.Parallel()
	labels := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "l%d=\"v\",", i)
		}
		return b.String()
	}
	long := strings.Repeat("n", 1025)
	check(t, Prometheus, defaults(), []outputCase{
		{"labels", "a{" + labels(129) + "} 1\nb 1", `[check a] line 1: sample "a": too much: 129 dimensions, limit is 128` + "\ncheck g:b=1"},
		{"many labels", "a{" + labels(100_000) + "} 1\nb 1", `[check a] line 1: sample "a": too much: 100000 dimensions, limit is 128` + "\ncheck g:b=1"},
		{"a line", "a{" + labels(600_000) + "} 1\nb 1", `[ ] line 1: too much: the line has 7088895 bytes, limit is 4194304` + "\ncheck g:b=1"},
		{"name of a metric", long + " 1\nb 1", `[check ` + long[:200] + `...] line 1: sample "` + long[:200] + `...": too much: the name of metric "` + long[:40] +
			`" has 1025 bytes, limit is 1024` + "\ncheck g:b=1"},
		{"name of a label", "a{" + long + "=\"x\"} 1\nb 1", `[check a] line 1: sample "a": too much: the name of dimension "` + long[:40] +
			`" has 1025 bytes, limit is 1024` + "\ncheck g:b=1"},
		{"value", "a{x=\"" + strings.Repeat("v", 16385) + "\"} 1\nb 1", `[check a] line 1: sample "a": too much: the value of dimension "x" has 16385 bytes, limit is 16384` + "\ncheck g:b=1"},
		{"help", "# HELP b " + strings.Repeat("ö", 1000) + "\nb 1", "check g:b=1(" + strings.Repeat("ö", 512) + ")"},
	})
}
