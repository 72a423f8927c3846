package expr_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/expr"
)

func dict(pairs ...string) *expr.Dict {
	d := expr.NewDict(len(pairs) / 2)
	for i := 0; i < len(pairs); i += 2 {
		d.SetText(pairs[i], pairs[i+1])
	}
	return d
}

// names are those of the expressions below; pythonNames are the same in Python.
func names() *expr.Names {
	n := expr.NewDict(1)
	n.SetText("1", int64(3))
	return &expr.Names{Tables: map[string]expr.Value{
		"T": dict("1", "2", "2", "6", "3", "Routing Engine 0"), "U": dict("1", "5", "3", "9", "4", "4"), "N": n, "up": "77",
	}, Index: "1"}
}

const pythonNames = `{'T': {'1': '2', '2': '6', '3': 'Routing Engine 0'}, 'U': {'1': '5', '3': '9', '4': '4'}, 'N': {'1': 3}, 'up': '77', 'index': '1'}`

// say is what came of an expression: the repr of the value, or the name of the error.
func say(v expr.Value, err error) string {
	var raised *expr.Error
	switch {
	case errors.As(err, &raised):
		return raised.Kind
	case err != nil:
		return "refused"
	}
	return expr.Repr(v)
}

func evaluate(text string) string {
	e, err := expr.Parse(text)
	if err != nil {
		return say(nil, err)
	}
	return say(e.Evaluate(names()))
}

// python evaluates expressions by Python itself.
func python(t *testing.T, texts []string) []string {
	t.Helper()
	given, err := json.Marshal(texts)
	require.NoError(t, err)
	cmd := exec.Command("python3", "-c", `
import json, sys
names = `+pythonNames+`
def say(text):
    try:
        return repr(eval(text.replace('.$index', '[index]').replace('$index', 'index'), dict(names)))
    except Exception as e:
        return type(e).__name__
print(json.dumps([say(text) for text in json.load(sys.stdin)]))`)
	cmd.Stdin = strings.NewReader(string(given))
	out, err := cmd.Output()
	require.NoError(t, err)
	var said []string
	require.NoError(t, json.Unmarshal(out, &said))
	return said
}

// alike are expressions that mean what they mean in Python.
var alike = strings.Split(strings.TrimSpace(`
T.$index
$index
int(T.$index) * int(U.$index)
float(T.$index) / 100.0 * N.$index
'text'
'a  $  '
'data' if 'Routing Engine' in T.$index else 'ctrl'
len([x for x in T.values() if x == '2'])
len([x for x in T.values() if x in ['2', '6', '3']])
len([(x,y) for (x,y) in [(1, 2), (3, 4)] if x in [1] and y in [2, 9, 12]])
len([x for x, y in list(T.items()) if y not in ['6']])
sum([int(x) for x in ['5', ' 9 ', '-4']])
5
1.5
-3 + +2
7 // 2 ** 2 % 5
not 1 or 0 and 2
1 < 2 < 3
1 < 2 > 5
None is None
T.get('9') is not None
[1, 2, 3][1:]
(1, 2)[-1]
'5' * 2
'5' * 2.0
'5' * True
' a b '.strip().split(' ')[0].upper()
','.join(sorted(T.keys()))
max(1, 2) + min([3, 4]) + abs(-1)
round(2.675, 2)
round(2.5), round(-1.5), round(1234.5, -2), round(15, -1), round(25, -1), round(1e22, 3), round(0.1 + 0.2, 1)
any([0, 1]) and all([])
list(range(3))
list(range(10, 0, -3))
dict(zip(['a'], [1]))
[i + x for i, x in enumerate([5, 6])]
bool('')
str(5) + 'a'
str(5.0), str(True), str(1e16), str(1e-5), str(0.1)
'1' in T
[x * y for x in [1, 2] for y in [3, 4]]
tuple([1])
(1,)
()
[], {}, {'a': 1, 'b': 2.0}
'abc'.replace('b', 'x').startswith('ax')
'aXbXc'.split('X', 1), ' a  b c '.split(None, 1), 'abc'.split('b')
'x-y'.endswith(('a', 'y')), 'xyz'.startswith('y', 1)
U['2']
U.$index
int(T['3'])
unknown
1 / 0
1.0 // 0
5 % 0
int('5.5')
int(5.9), int(-5.9), int('1_000'), int('ff', 16), int('0x1f', 0), int(True)
float(' 1e3 '), float('inf'), float('-nan'), float('1_0')
float('0x1p3')
[x for (x, y) in [(1, 2, 3)]]
-7 // 2, -7 % 3, 7 % -3, -7.5 // 2, -7.5 % 2, 7.5 % -2, 1e308 * 10
2 ** 10, 2 ** -1, 2.0 ** 0.5, (-2) ** 3, -2 ** 2, 2 ** 64
10 ** 30 // 7, 10 ** 30 % 7, 10 ** 18 * 10 ** 18, 9223372036854775807 + 1, -9223372036854775807 - 2
9223372036854775807 * -1, 123456789012345678901234567890 / 3, 1 == 1.0, 2 ** 53 + 1 == 2.0 ** 53, 10 ** 400 > 1e308
'a' < 'b', [1, 2] < [1, 3], (1, 2) == (1, 2), [1] == (1,), {1: 2} == {1.0: 2}, 'a' == 1
1 < 'a'
sum(['a'])
sum([0.1] * 0), sum([1, 2.5], 1)
len(5)
'abc'[1], 'abc'[-1], 'abc'[::-1], 'abc'[5:], [1, 2, 3, 4][::2], 'äöü'[1], len('äöü')
'abc'[3]
sorted([3, 1, 2]), sorted(['b', 'a']), sorted({3, 1, 1})
sorted([1, 'a'])
min([])
{k: int(v) for k, v in U.items() if k == '1'}
len({x for x in [1, 1, 1.0, True]})
{1: 'a', 1.0: 'b', True: 'c'}
[1] + [2], (1,) + (2,), 'a' + 'b'
[1] + (2,)
'a' + 1
{[1]: 2}
1 if 0 else 2 if 0 else 3
(lambda_ for lambda_ in [])
"it's", 'a"b', "\x41\u00e4\n\t\101", r'\d', 'a' 'b'
0x1F, 0o17, 0b11, 1_000, 1e3, .5, 5., 00
up, int(up) + 1, up.$index
all([x > 0 for x in (1, 2)]), any(x for x in [])
bool(0.0), not [], not {}, not '0'
T == T, T != U, T in [T]
1 and 'a', 0 or '', None or 5
list('abc'), list(T), set('a') == {'a'}
{1, 2} - {2}, {1} <= {1, 2}, {1} < {1}
'%s' in 'a%s', 'a' not in 'b'
abs(-5), abs(5.5), abs(-0.0), abs(True)
abs('a')
round('a')
1 .real
`), "\n")

func TestMeansWhatItMeansInPython(t *testing.T) {
	t.Parallel()
	said := python(t, alike)
	for i, text := range alike {
		switch got := evaluate(text); {
		case strings.Contains(text, ".real"), strings.Contains(text, "lambda_ for"), strings.Contains(text, "[0.1] * 0"):
		case strings.Contains(text, "] * "):
		default:
			assert.Equal(t, said[i], got, text)
		}
	}
}

// Expressions that are put together by chance mean what they mean in Python.
func TestByChance(t *testing.T) {
	t.Parallel()
	const most = 3000
	r := rand.New(rand.NewPCG(7, 11))
	texts := make([]string, most)
	for i := range texts {
		texts[i] = invent(r, 3)
	}
	said := python(t, texts)
	values, refused := 0, 0
	for i, text := range texts {
		got := evaluate(text)
		if got == "ExpressionError" || got == "refused" {
			refused++
			continue // TestBounded and TestRefused
		}
		if !strings.HasSuffix(got, "Error") {
			values++
		}
		require.Equal(t, said[i], got, text)
	}
	require.Greater(t, values, most/5)
	require.Less(t, refused, most/5)
}

// invent makes an expression.
func invent(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(6) == 0 {
		leaves := []string{
			"1", "0", "-3", "7", "2.5", "0.1", "1e3", "'5'", "'a b'", "' 12 '", "''", "None", "True", "$index", "T.$index", "U.$index", "N.$index",
			"up", "T", "U", "[1, 2]", "['2', '6']", "(1, 'a')", "[]", "9223372036854775807", "[3, 1.5, 2]", "{'a': 1}",
		}
		return leaves[r.IntN(len(leaves))]
	}
	sub := func() string { return invent(r, depth-1) }
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	switch r.IntN(11) {
	case 0, 1:
		return "(" + sub() + " " + pick("+", "-", "*", "/", "//", "%") + " " + sub() + ")"
	case 2:
		return "(" + sub() + " " + pick("==", "!=", "<", "<=", ">", ">=", "in", "not in") + " " + sub() + ")"
	case 3:
		return "(" + sub() + " " + pick("and", "or") + " " + sub() + ")"
	case 4:
		return pick("int", "float", "len", "sum", "min", "max", "round", "abs", "sorted", "any", "all", "bool", "list", "tuple") + "(" + sub() + ")"
	case 5:
		return "(" + sub() + " if " + sub() + " else " + sub() + ")"
	case 6:
		return "[" + pick("x", "int(x)", "(x, 1)", "x * 2") + " for x in " + sub() + pick("", " if x", " if x in U") + "]"
	case 7:
		return sub() + pick("[0]", "[-1]", "[1:]", "['1']", "[::-1]")
	case 8:
		return "(" + sub() + ")." + pick("strip()", "split()", "upper()", "replace('a', 'b')", "startswith('5')", "split(' ')")
	case 9:
		return pick("not ", "-", "+") + sub()
	}
	return fmt.Sprintf("round(%s, %s)", sub(), pick("0", "1", "2", "-1"))
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "x =", "a.b", "x.__class__", `__import__("os")`, "self", `open("f")`, `eval("1")`, `f"{x}"`, "[*a]", "x := 1", "lambda: 1",
		"lambda a, b: 1", "lambda x: 1", "int(x=1)", `T.pop("1")`, "(1).bit_length()", "1 if 2", "yield 1", "[x async for x in y]",
		"[a.b for a.b in c]", "x[1]()", "1 << 3", "a @ b", "~1", "b'x'", "...", "1j", "{**a}", "await x", "'%s' . format(1)",
		strings.Repeat("(", 40) + "1" + strings.Repeat(")", 40), strings.Repeat("1+", 3000) + "1", strings.Repeat("-", 40) + "1",
		"'a'.encode()", "map(int, x)", "print(1)", "1 is 1", "x[]", "x[1:2:3:4]", "'a", "01", "$indexes", "1 2", "(1", "int(1))", "\\u0041", "'\\ud800'",
		"{1: 2, 3}", "T.values", "a; b", "a | b", "#",
	} {
		_, err := expr.Parse(text)
		assert.Error(t, err, text)
	}
	_, err := expr.Parse("open('f')")
	assert.EqualError(t, err, `"open('f')": the function open is not allowed`)
	for _, text := range []string{"1", "lambda: 1", "lambda a, b: 1", "lambda *a: 1", "lambda self: 1"} {
		_, err := expr.ParseTransform(text)
		assert.Error(t, err, text)
	}
}

func TestBounded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"9 ** 9 ** 9", "'a' * 10000000", "[1] * 10", "[x for x in range(10000000)]", "'%s' % 1", "T.split()",
		"[1 for a in range(2000) for b in range(2000)]", "'aaaa'.replace('a', 'b' * 900000)", "','.join(['a' * 900000, 'b' * 900000])",
		"sum([[1]], [])", "str([1])", "int('1' * 5000)", "len([1 for x in range(999999)]) + len([1 for x in range(999999)])",
		"'a' * 900000 + 'a' * 900000", "['a' * 900000 for x in range(900000)]", "[list(range(1000)) for x in range(900000)]",
	} {
		assert.Equal(t, "ExpressionError", evaluate(text), text)
	}
}

func TestTransforms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text        string
		given, want expr.Value
	}{
		{"lambda x: round((x * 1.8) + 32, 2)", 36.6, 97.88},
		{"lambda x: round((x * 1.8) + 32, 2) if x != 0 else 0.0", int64(0), 0.0},
		{"lambda x: x * 1000000", int64(3), int64(3000000)},
		{"lambda x: 64512", int64(1), int64(64512)},
		{"lambda x: round((float(x.split(' ')[0]) * 1.8) + 32,2)", "20 C", 68.0},
	} {
		e, err := expr.ParseTransform(c.text)
		require.NoError(t, err)
		got, err := e.Apply(c.given)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, c.text)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"int(N.$index) * T.$index": "N", "1.5 * int(T.$index)": "T", "$index": "", "'T.$index'": "", "T[index]": "T"} {
		e, err := expr.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want, e.Table(), text)
		assert.Equal(t, !strings.HasPrefix(text, "'"), e.Indexed(), text)
	}
	e, err := expr.Parse("len([x for x in T if x in U])")
	require.NoError(t, err)
	assert.True(t, e.Uses("T") && e.Uses("U") && !e.Uses("N"))
}

// Errors have the text that Python has.
func TestErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"T['9']": "KeyError('9')", "U[9]": "KeyError(9)", "int('5.5')": `ValueError("invalid literal for int() with base 10: '5.5'")`,
		"nothing": `NameError("name 'nothing' is not defined")`,
	} {
		e, err := expr.Parse(text)
		require.NoError(t, err)
		_, err = e.Evaluate(names())
		assert.EqualError(t, err, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range alike {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := expr.Parse(text); err == nil {
			_, _ = e.Evaluate(names())
		}
		if e, err := expr.ParseTransform(text); err == nil {
			_, _ = e.Apply("5")
		}
	})
}
