package profile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
)

// group makes a file of the lines of a group; its first line is line 2.
func group(lines ...string) string {
	return "groups:\n- {" + strings.Join(lines, ",\n") + "}\n"
}

func TestTablesNamesWhatIsWrong(t *testing.T) {
	const metrics = "metrics: {m: 1.3.6.1.9}"
	for _, c := range []struct{ file, want string }{
		{"", "f.yaml: the file is empty"},
		{"groups: [", "f.yaml: yaml: line 1: did not find expected node content"},
		{"- a", "f.yaml:1: the file must be a mapping\nf.yaml:1: the file needs the key \"groups\""},
		{"gruops: []\ngroups: []", `f.yaml:1: the file has no key "gruops"; did you mean "groups"?`},
		{"groups: []", "f.yaml: there are no groups"},
		{"groups: {}", "f.yaml:1: groups must be a list"},
		{"uptime: soon\n" + group("group: g", metrics), `f.yaml:1: uptime: object identifier "soon": arc "soon" is no number from 0 to 4294967295`},
		{group(metrics), `f.yaml:2: a group needs the key "group"`},
		{group("group: ''", metrics), `f.yaml:2: group must not be empty`},
		{group("group: g"), `f.yaml:2: a group needs the key "metrics"`},
		{group("group: g", "group: h", metrics), `f.yaml:3: a group has the key "group" twice`},
		{group("group: g", "metrics: {m: 1}"), "f.yaml:3: metric \"m\": an OID of an object has more than one arc"},
		{group("group: g", "metrics: {m: [1.3]}"), "f.yaml:3: metric \"m\" must be a mapping\nf.yaml:3: metric \"m\" needs the key \"oid\""},
		{group("group: g", "metrics: {a-b: 1.3.6.1}"), `f.yaml:3: metric "a-b" is no name: it must be letters, digits and _, and not begin with a digit`},
		{group("group: g", "metrics: {m: {oid: 1.3.6, type: rate}}"), `f.yaml:3: metric "m": type is "rate", it must be one of auto, gauge, counter`},
		{group("group: g", "metrics: {m: {oid: 1.3.6, scale: big}}"), `f.yaml:3: metric "m": scale must be a number`},
		{group("group: g", "metrics: {m: {oid: 1.3.6, enum: {1: 1, 2: down}}}"), `f.yaml:3: metric "m": enum must be all numbers, or all names of states`},
		{group("group: g", "metrics: {m: {oid: 1.3.6, enum: {up: 1}}}"), `f.yaml:3: metric "m": enum: "up" must be a whole number`},
		{group("group: g", "metrics: {m: {oid: 1.3.6, format: bits}}"), `f.yaml:3: metric "m": format bits needs the key enum, with the names of the bits`},
		{group("group: g", "metrics: {m: {oid: 1.3.6, extract: '('}}"), "f.yaml:3: metric \"m\": extract: error parsing regexp: missing closing ): `(`"},
		{group("group: g", "metrics: {m: {oid: 1.3.6, unti: s}}"), `f.yaml:3: metric "m" has no key "unti"; did you mean "unit"?`},
		{group("group: g", "metrics: {m: {oid: 1.3.6, colour: s}}"), `f.yaml:3: metric "m" has no key "colour"; it has oid, else, type, format, layout, extract, enum, scale, offset, unit, help`},
		{group("group: g", "index: [i, i]", metrics), `f.yaml:3: "i" is no name of a part of the index, or is there twice`},
		{group("group: g", "index: {type: mac}", metrics), `f.yaml:3: a part of the index needs the key "name"`},
		{group("group: g", "index: {name: i, type: mac, size: 8}", metrics), `f.yaml:3: a part of the index of type mac has a size of its own`},
		{group("group: g", "index: {name: i, type: text, size: -1}", metrics), `f.yaml:3: a part of the index: size must be a whole number from 0 on`},
		{group("group: g", "index: i", "dimensions: {d: name}", metrics), `f.yaml:4: dimension "d": "name" is neither an OID nor a part of the index`},
		{group("group: g", "index: i", "dimensions: {i: 1.3.6.1}", metrics), `f.yaml:4: dimension "i" has the name of a part of the index, but is another value`},
		{group("group: g", "index: i", "dimensions: {d: {help: x}}", metrics), `f.yaml:4: dimension "d" needs just one of the keys oid, scalar, index and value`},
		{group("group: g", "index: i", "dimensions: {d: {value: ''}}", metrics), `f.yaml:4: dimension "d": value must not be empty`},
		{group("group: g", "index: i", "dimensions: {d: {index: j}}", metrics), `f.yaml:4: dimension "d": the index has no part "j"`},
		{group("group: g", "index: i", "dimensions: {d: {scalar: 1.3.6, by: i}}", metrics), `f.yaml:4: dimension "d": by goes with oid only`},
		{group("group: g", "index: i", "dimensions: {d: {oid: 1.3.6, by: j}}", metrics), `f.yaml:4: dimension "d": by names "j", which is neither a part of the index nor a dimension with a value from the device`},
		{group("group: g", "index: i", "dimensions: {d: {oid: 1.3.6, by: []}}", metrics), `f.yaml:4: dimension "d": by must name something; a scalar has the key scalar instead of oid`},
		{group("group: g", "index: i", "dimensions: {d: {oid: 1.3.6, by: e}, e: {oid: 1.3.7, by: d}}", metrics), `f.yaml:4: dimension "d" is looked up by itself`},
		{group("group: g", "dimensions: {d: {oid: 1.3.6, by: d}}", metrics), `f.yaml:3: dimension "d": without an index nothing can be looked up by`},
		{group("group: g", "index: i", "dimensions: {d: {oid: 1.3.6, refresh: 60}}", metrics), `f.yaml:4: dimension "d": refresh must be a time with its unit, such as 1h`},
		{group("group: g", "index: i", "dimensions: {d: {oid: 1.3.6, format: json}}", metrics), `f.yaml:4: dimension "d": format is "json", it must be one of auto, text, hex, mac, ip, date`},
		{group("group: g", "index: i", "keep: [{is: 1}]", metrics), `f.yaml:4: a condition of keep needs just one of the keys dimension and oid`},
		{group("group: g", "index: i", "keep: [{oid: 1.3.6}]", metrics), `f.yaml:4: a condition of keep needs just one of the keys is, is_not, matches and matches_not`},
		{group("group: g", "index: i", "keep: [{dimension: d, is: 1}]", metrics), `f.yaml:4: keep: there is no dimension "d" with a value from the device`},
		{
			"groups:\n- {group: g, metrics: {m: 1.3.6.1}}\n- {group: g, metrics: {m: 1.3.6.2}}\n",
			`f.yaml:3: metric "m" of group "g" is there already, in line 2`,
		},
		{"a: &a [x, x, x]\ngroups: *a", `f.yaml:1: the file has no key "a"; it has uptime, groups` + strings.Repeat("\nf.yaml:1: a group must be a mapping\nf.yaml:1: a group needs the key \"group\"", 3)},
	} {
		p, err := profile.Tables("f.yaml", []byte(c.file))
		assert.Nil(t, p, c.file)
		assert.EqualError(t, err, c.want, c.file)
	}
}

func TestTablesTellsSomeOfManyErrors(t *testing.T) {
	_, err := profile.Tables("f.yaml", []byte(group("group: g", "metrics: {"+strings.Repeat("a-b: 1.3.6, ", 30)+"}")))
	lines := strings.Split(err.Error(), "\n")
	assert.Len(t, lines, 21)
	assert.Regexp(t, `^f.yaml: and \d+ more$`, lines[20])
}

// Aliases cannot make a small file large.
func TestTablesBoundsAliases(t *testing.T) {
	var b strings.Builder
	b.WriteString("x0: &x0 {oid: 1.3.6.1}\n")
	b.WriteString("groups:\n- group: g\n  index: i\n  keep: &k [")
	b.WriteString(strings.Repeat("{oid: 1.3.6, is: 1},", 400) + "]\n  metrics: {m: 1.3.6.1}\n")
	b.WriteString(strings.Repeat("- {group: g, index: i, keep: *k, metrics: {m: 1.3.6.1}}\n", 1500))
	_, err := profile.Tables("f.yaml", []byte(b.String()))
	assert.EqualError(t, err, "f.yaml: aliases make more than 524288 nodes of the file")
}

func FuzzTables(f *testing.F) {
	for _, name := range []string{"interfaces", "lookups"} {
		f.Add(readFile(f, "testdata/tables/"+name+".yaml"))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := profile.Tables("f.yaml", content)
		if (p == nil) == (err == nil) {
			t.Error("either a program or an error must come")
		}
		if p != nil {
			p.Describe()
		}
	})
}
