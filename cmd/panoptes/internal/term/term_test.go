package term

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestStyleOfNoTerminal(t *testing.T) {
	t.Parallel()
	require.Equal(t, Style{}, StyleOf(&bytes.Buffer{}))
	f, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, Style{}, StyleOf(f))
}

func TestPaint(t *testing.T) {
	t.Parallel()
	require.Equal(t, "x", Style{}.Paint(Red, "x"))
	require.Equal(t, "\x1b[31mx\x1b[0m", Style{Color: true}.Paint(Red, "x"))
}

func TestCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":            "plain",
		"größe 東京":         "größe 東京",
		"two\nlines\t":     `two\nlines\t`,
		"\x1b[31mred":      `\x1b[31mred`,
		"turn\u202earound": `turn\u202earound`,
	} {
		require.Equal(t, want, Cell(in))
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	heading, rows := []string{"ID", "SITE"}, [][]string{{"a", "one"}, {"größe", "tw\to"}}
	var b strings.Builder
	require.NoError(t, Style{}.Table(&b, heading, rows))
	require.Equal(t, "a\tone\ngröße\ttw\\to\n", b.String())
	b.Reset()
	require.NoError(t, Style{Aligned: true}.Table(&b, heading, rows))
	require.Equal(t, "ID     SITE\na      one\ngröße  tw\\to\n", b.String())
}

const group = `{"metrics_group_type": "example","resource": {"resource_site": "s", "resource_metadata": {"k": "a,b}"}},
"metrics": [{"metric_name": "a", "metric_value": 5.0}, {"metric_name": "b\"", "metric_value": -1e-07}], "dimensions": [], "n": 1}`

const groupLines = `{
  "metrics_group_type": "example",
  "resource": {"resource_site": "s", "resource_metadata": {"k": "a,b}"}},
  "metrics": [
    {"metric_name": "a", "metric_value": 5.0},
    {"metric_name": "b\"", "metric_value": -1e-07}
  ],
  "dimensions": [],
  "n": 1
}`

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	require.Equal(t, groupLines, string(Style{}.AppendJSON(nil, []byte(group), nil)))
	for _, same := range []string{`null`, `-1.5`, `"x"`, `[]`, `{}`, `[1, 2]`, `no JSON`, ``, `{"a": NaN}`} {
		require.Equal(t, same, string(Style{}.AppendJSON(nil, []byte(same), nil)))
	}
}

func TestAppendJSONEscapesControl(t *testing.T) {
	t.Parallel()
	require.Equal(t, `{
  "\u009b31m": "a\u007f"
}`, string(Style{}.AppendJSON(nil, []byte("{\"\u009b31m\": \"a\x7f\"}"), nil)))
}

func TestLoggerEscapes(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	Logger(&out, zap.DebugLevel).Warn("a\x1b[2Jb", zap.String("\u009bk", "\x7f\u202ev"))
	require.Equal(t, `warn  a\x1b[2Jb  {"\x9bk": "\x7f\u202ev"}`+"\n", out.String())
	out.Reset()
	entry := []byte("error  text\x1b\n")
	n, err := escapedLines{&out, Style{Color: true}}.Write(entry)
	require.NoError(t, err)
	require.Equal(t, len(entry), n)
	require.Equal(t, "\x1b[31merror\x1b[0m  text\\x1b\n", out.String())
}

func TestMessage(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\n    b\\x1b\n  c", Message("a\nb\x1b\n  c\n"))
	require.Equal(t, "    a\n    b\\x1b\n      c", Block("a\nb\x1b\n  c\n"))
}

func TestAppendJSONColours(t *testing.T) {
	t.Parallel()
	mark := func(e []byte) bool { return bytes.Contains(e, []byte(`-1e-07`)) }
	got := string(Style{Color: true}.AppendJSON(nil, []byte(group), mark))
	require.Contains(t, got, "\x1b[1m\x1b[36m{\"metric_name\": \"b\\\"\", \"metric_value\": -1e-07}\x1b[0m")
	require.Contains(t, got, "{\x1b[34m\"metric_name\"\x1b[0m: \x1b[32m\"a\"\x1b[0m, ")
	require.Equal(t, groupLines, string(Style{}.AppendJSON(nil, []byte(group), mark)), "without colours a mark shows nothing")
}

// FuzzAppendJSON: the readable form says the same as what was read.
func FuzzAppendJSON(f *testing.F) {
	f.Add([]byte(group))
	f.Add([]byte(`[[[{"a":[{}]}]], "\\\""]`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := Style{}.AppendJSON(nil, in, func([]byte) bool { return len(in)%2 == 0 })
		if !json.Valid(in) {
			require.Equal(t, string(in), string(out))
			return
		}
		require.Equal(t, value(t, in), value(t, out))
	})
}

func value(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v))
	return v
}
