package output

import (
	"runtime"
	"strings"
	"testing"
)

func TestNagios(t *testing.T) {
	t.Parallel()
	const state = "check g:state=1\n"
	check(t, Nagios, defaults(), []outputCase{
		{"nothing", "", state},
		{"text", "DISK WARNING - full", state},
		{"one", "DISK OK | /=2643MB;5948;5958;0;5968", state + "check {label=/} {uom=MB} g:value=2643 g:warn=5948 g:crit=5958 g:min=0 g:max=5968"},
		{
			"several lines", "DISK OK | a=1s\nlong\ntext | b=2%;80;90\nc=3c\n", state + "check {label=a} {uom=s} g:value=1\n" +
				"check {label=b} {uom=%} g:value=2 g:warn=80 g:crit=90\ncheck {label=c} c:value=3",
		},
		{"quoted", "OK | 'a b'=1 'it''s'=2 'x=y'=3 'a|b'=4", state + "check {label=a b} g:value=1\ncheck {label=it's} g:value=2\ncheck {label=x=y} g:value=3\ncheck {label=a|b} g:value=4"},
		{
			"ranges", "OK | a=1;5:10;@~:7 b=1;5:;:7", state + "check {label=a} g:value=1 g:warn_low=5 g:warn=10 g:crit=7 g:crit_inside=1\n" +
				"check {label=b} g:value=1 g:warn_low=5 g:crit=7",
		},
		{
			"numbers", "OK | a=-0.50 b=,5 c=007 d=1. e=1e3ms f=+2 g=0,5", state + "check {label=a} g:value=-0.5\ncheck {label=b} g:value=0.5\n" +
				"check {label=c} g:value=7\ncheck {label=d} g:value=1\ncheck {label=e} {uom=ms} g:value=1000.0\ncheck {label=f} g:value=2\ncheck {label=g} g:value=0.5",
		},
		{"unknown value", "OK | a=U b=;1;2 c=3 d=U%;5 e=Uc", state + "check {label=c} g:value=3"},
		{"no UTF-8", "OK | \xff=1", state + "check {label=\uFFFD} g:value=1"},
		{"a byte order mark", "\uFEFFOK | a=1", state + "check {label=a} g:value=1"},
		{"units", "OK | a=1kB/s b=20°C c=3m3 d=5µs e=1dBm", state + "check {label=a} {uom=kB/s} g:value=1\ncheck {label=b} {uom=°C} g:value=20\n" +
			"check {label=c} {uom=m3} g:value=3\ncheck {label=d} {uom=µs} g:value=5\ncheck {label=e} {uom=dBm} g:value=1"},
	})
}

// A threshold or a bound that is none costs itself, not the value.
func TestNagiosThresholds(t *testing.T) {
	t.Parallel()
	const state = "check g:state=1\n"
	row := func(name, threshold, reason string) outputCase {
		return outputCase{name, "OK | a=5%;" + threshold + ";9;0;100", state + "check {label=a} {uom=%} g:value=5 g:crit=9 g:min=0 g:max=100\n" +
			"[check warn] performance data: warn of \"a\" is left out: " + reason}
	}
	check(t, Nagios, defaults(), []outputCase{
		row("percent", "80%", `"80%" is no number`),
		row("no upper end", "5:~", `"~" is no number`),
		row("nor a lower one", "~:~", `"~" is no number`),
		row("two ranges", "@1:3,@10:50", `"3,@10:50" is no number`),
		row("infinite", "-inf:10", `"-inf" is no number`),
		row("words", "none", `"none" is no number`),
		row("words after a number", "80 percent", `"80 percent" is no number`),
		row("three ends", "1:2:3", `"2:3" is no number`),
		row("nothing inside", "@", `"@" is no range`),
		row("beyond a double", "1e999", `number 1e999 is beyond the range of a double`),
		{"minimum and maximum", "OK | a=5;1;2;none;100%", state + "check {label=a} g:value=5 g:warn=1 g:crit=2\n" +
			`[check min] performance data: min of "a" is left out: "none" is no number` + "\n" +
			`[check max] performance data: max of "a" is left out: "100%" is no number`},
		{
			"words between items", "OK | tcp=16;2560;3072established conns;1;2 mem=61%;80;90",
			state + "check {label=tcp} g:value=16 g:warn=2560 g:min=1 g:max=2\n" +
				`[check crit] performance data: crit of "tcp" is left out: "3072established conns" is no number` + "\n" +
				"check {label=mem} {uom=%} g:value=61 g:warn=80 g:crit=90",
		},
	})
}

// Performance data as checks write it, and what separates its items.
func TestNagiosAsItIsWritten(t *testing.T) {
	t.Parallel()
	const state = "check g:state=1\n"
	const three = state + "check {label=a} {uom=s} g:value=1 g:warn=2\ncheck {label=b} g:value=2\ncheck {label=c} g:value=3 g:warn=4 g:crit=5"
	check(t, Nagios, defaults(), []outputCase{
		{"blanks", "OK |a=1s;2;   b=2;; c=3;4;5  ", three},
		{"tabs", "OK |\ta=1s;2\tb=2\tc=3;4;5", three},
		{"line ends of Windows", "OK | a=1s;2\r\ntext\r\n| b=2\r\nc=3;4;5\r\n", three},
		{"bars", "OK | a=1s;2 | b=2|c=3;4;5 |", three},
		{"commas", "OK | a=1s;2, b=2, c=3;4;5", three},
		{"labels with blanks", "OK | C:\\ used=5GB disk space  free=3;1 x=2", state + "check {label=C:\\ used} {uom=GB} g:value=5\n" +
			"check {label=disk space free} g:value=3 g:warn=1\ncheck {label=x} g:value=2"},
		{"a blank before the =", "OK | load =5", state + "check {label=load} g:value=5"},
		{"a blank behind the =", "OK | a= 5 b = 6 ms;7 c= d=1 e= U f= 3c g = 8%, h=|i= 9", state + "check {label=a} g:value=5\ncheck {label=b} {uom=ms} g:value=6 g:warn=7\n" +
			"check {label=d} g:value=1\ncheck {label=f} c:value=3\ncheck {label=g} {uom=%} g:value=8\ncheck {label=i} g:value=9"},
		{"a blank before the unit", "OK | a=5 ms;10;20 b=256 bytes", state + "check {label=a} {uom=ms} g:value=5 g:warn=10 g:crit=20\ncheck {label=b} {uom=bytes} g:value=256"},
		{"a unit between items", "OK | a=256 bytes b=0;1 c=5 %, d=7 s left=1 e=1ms ms f=2", state + "check {label=a} {uom=bytes} g:value=256\n" +
			"check {label=b} g:value=0 g:warn=1\ncheck {label=c} {uom=%} g:value=5\ncheck {label=d} g:value=7\ncheck {label=s left} g:value=1\n" +
			"check {label=e} {uom=ms} g:value=1\ncheck {label=ms f} g:value=2"},
		{"bounds that are not known", "OK | a=1;U;2;U;U", state + "check {label=a} g:value=1 g:crit=2"},
		{"bars in the text", "OK a|b matched | time=3s", state + `[check ] performance data: "b matched" is no label=value` + "\ncheck {label=time} {uom=s} g:value=3"},
		{"a comma after the unit", "OK | mem=14287416kB, pageins=0, x=1", state + "check {label=mem} {uom=kB} g:value=14287416\ncheck {label=pageins} g:value=0\ncheck {label=x} g:value=1"},
		{"values that are none", "OK | a=1,234,567;;; b=1.2.3 c=2024-01-05 d=10:30 e=0x10 i=1e5e5 f=nan g=1e400 h=5", state +
			`[check ] performance data: value of "a" must be a number and a unit, is "1,234,567"` + "\n" +
			`[check ] performance data: value of "b" must be a number and a unit, is "1.2.3"` + "\n" +
			`[check ] performance data: value of "c" must be a number and a unit, is "2024-01-05"` + "\n" +
			`[check ] performance data: value of "d" must be a number and a unit, is "10:30"` + "\n" +
			`[check ] performance data: value of "e" must be a number and a unit, is "0x10"` + "\n" +
			`[check ] performance data: value of "i" must be a number and a unit, is "1e5e5"` + "\n" +
			`[check ] performance data: value of "f" must begin with a number, is "nan"` + "\n" +
			`[check ] performance data: value of "g": number 1e400 is beyond the range of a double` + "\n" +
			"check {label=h} g:value=5"},
		{"separators of thousands", "OK | a=1_000 b=1'000 c=1\u00a0000 d=2", state +
			`[check ] performance data: value of "a" must be a number and a unit, is "1_000"` + "\n" +
			`[check ] performance data: value of "b" must be a number and a unit, is "1'000"` + "\n" +
			`[check ] performance data: value of "c" must be a number and a unit, is "1\u00a0000"` + "\n" +
			"check {label=d} g:value=2"},
		{"units that are none", "OK | a=5 of them; b=7(!) c=1", state + "check {label=a} g:value=5\n" +
			`[check uom] performance data: uom of "a" is left out: "of them" is no unit` + "\n" +
			"check {label=b} g:value=7\n" + `[check uom] performance data: uom of "b" is left out: "(!)" is no unit` + "\ncheck {label=c} g:value=1"},
		{"flawed items", "OK | a=x 5 'b c=1 d=' =7 ''=8 'e'9 f=5", state +
			`[check ] performance data: value of "a" must begin with a number, is "x 5"` + "\n" +
			`[check ] performance data: label "b c=1 d=" is not followed by =` + "\n" +
			"check {label=c} g:value=1\n" +
			`[check ] performance data: value of "d" must begin with a number, is "'"` + "\n" +
			`[check ] performance data: "=7" is no label=value` + "\n" +
			"[check ] performance data: a label is empty\n" +
			`[check ] performance data: label "e" is not followed by =` + "\ncheck {label=f} g:value=5"},
		{"a quote to the end of the line", "OK | 'a b=1\nx\n| b=2", state + `[check ] performance data: label that begins with "a" has no quote at its end` + "\n" +
			"check {label=b} g:value=1\ncheck {label=b} g:value=2"},
	})
}

// Four times as much is read with four times as much memory: no item costs a copy of all after it. No other test runs beside.
func TestNagiosIsReadInLinearTime(t *testing.T) {
	d := defaults()
	d.Groups = 10
	allocated := func(item string, items int) uint64 {
		text := []byte("OK|" + strings.Repeat(item, items) + "\n'last'=1")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := Read(t.Context(), Nagios, text, 0, d)
		runtime.ReadMemStats(&after)
		if err != nil || got[0].Err != nil || len(got) > maxErrors+12 {
			t.Errorf("%q: %d items, %v", item, len(got), err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	for _, item := range []string{"a=1 ", "a=1 b ", "a= b ", "a=1;x ", "a 'b ", "'a'=1|", "'''a ", "''"} {
		if few, many := allocated(item, 2_000), allocated(item, 8_000); many > 8*few {
			t.Errorf("%q: %d bytes, and %d for four times as much", item, few, many)
		}
	}
}

func TestNagiosUnits(t *testing.T) {
	t.Parallel()
	const state = "check g:state=1\n"
	const text = "OK | t=5ms;10;@5:20;0;1000 m=2.5KB k=3MiB p=61%;80 n=7c s=4s o=3 u=5rpm"
	base, ratio := defaults(), defaults()
	base.Units, ratio.Units = UnitsBase, UnitsRatio
	const others = "check {label=n} c:value=7\ncheck {label=s} g:value=4[s]\ncheck {label=o} g:value=3\ncheck {label=u} {uom=rpm} g:value=5"
	const scaled = "check {label=t} g:value=0.005[s] g:warn=0.01[s] g:crit_low=0.005[s] g:crit=0.02[s] g:crit_inside=1 g:min=0.0[s] g:max=1.0[s]\n" +
		"check {label=m} g:value=2560.0[By]\ncheck {label=k} g:value=3145728[By]\n"
	check(t, Nagios, base, []outputCase{{"base", text, state + scaled + "check {label=p} g:value=61[%] g:warn=80[%]\n" + others}})
	check(t, Nagios, ratio, []outputCase{{"ratio", text, state + scaled + "check {label=p} g:value=0.61[1] g:warn=0.8[1]\n" + others}})
	check(t, Nagios, base, []outputCase{{"beyond int64", "OK | a=9999EB", state + "check {label=a} g:value=1.1528062124563863e+22[By]"}})
}
