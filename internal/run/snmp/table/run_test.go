package table_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/tabletest"
)

var errAnswer = errors.New("no answer")

// program compiles our own YAML.
func program(t testing.TB, text string) *table.Program {
	t.Helper()
	p, err := profile.Tables("test.yaml", []byte(text))
	require.NoError(t, err)
	return p
}

// polled is what is kept of a device from run to run.
type polled struct {
	table.State
	table.Boot
}

// after polls at some time after Now, and returns what came as lines.
func after(t *testing.T, d time.Duration, p *table.Program, ask table.Ask, s *polled) []string {
	t.Helper()
	target := tabletest.Target()
	target.Now, target.Boot = target.Now.Add(d), &s.Boot
	r, err := p.Run(context.Background(), ask, &s.State, target)
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(tabletest.Text(r)), "\n")
}

const interfaces = `
uptime: none
groups:
  - group: interface
    index: ifIndex
    dimensions:
      name: {oid: 1.3.6.1.2.1.31.1.1.1.1, else: 1.3.6.1.2.1.2.2.1.2}
      index: ifIndex
    metrics:
      octets: {oid: 1.3.6.1.2.1.31.1.1.1.6, else: 1.3.6.1.2.1.2.2.1.10}
      errors: 1.3.6.1.2.1.2.2.1.14
`

const device = `
1.3.6.1.2.1.2.2.1.2.1|4|eth1
1.3.6.1.2.1.2.2.1.2.2|4|eth2
1.3.6.1.2.1.2.2.1.10.1|65|10
1.3.6.1.2.1.2.2.1.10.2|65|20
1.3.6.1.2.1.2.2.1.14.1|65|1
1.3.6.1.2.1.2.2.1.14.2|65|2
`

// What did not come has no value, and nothing stands in for it.
func TestFailedColumns(t *testing.T) {
	p := program(t, interfaces)
	d := tabletest.Parse(t, device)
	all := []string{
		`interface{index="1",name="eth1"} errors=1c octets=10c`, `interface{index="2",name="eth2"} errors=2c octets=20c`,
	}
	assert.Equal(t, all, after(t, 0, p, d.Ask, &polled{}), "ifXTable is not there, which is no failure")

	d.Fail["1.3.6.1.2.1.2.2.1.14"] = errAnswer
	assert.Equal(t, []string{
		`interface{index="1",name="eth1"} octets=10c`, `interface{index="2",name="eth2"} octets=20c`,
		`failed 1.3.6.1.2.1.2.2.1.14 for [errors] after 0 rows: no answer`,
	}, after(t, 0, p, d.Ask, &polled{}))

	d.Fail = map[string]error{"1.3.6.1.2.1.31.1.1.1.6": errAnswer}
	assert.Equal(t, []string{
		`interface{index="1",name="eth1"} errors=1c`, `interface{index="2",name="eth2"} errors=2c`,
		`failed 1.3.6.1.2.1.31.1.1.1.6 for [octets] after 0 rows: no answer`,
	}, after(t, 0, p, d.Ask, &polled{}), "the narrow counter would be another value for the same series")

	d.Fail = map[string]error{"1.3.6.1.2.1.31.1.1.1.1": errAnswer}
	assert.Equal(t, []string{
		`failed 1.3.6.1.2.1.31.1.1.1.1 for [name] after 0 rows: no answer`,
		`dropped 2: dimension_not_fetched`,
	}, after(t, 0, p, d.Ask, &polled{}), "another name would be another series")
}

func TestNothingCame(t *testing.T) {
	p := program(t, interfaces)
	d := tabletest.Parse(t, device)
	for _, oid := range []string{"31.1.1.1.1", "2.2.1.2", "31.1.1.1.6", "2.2.1.10", "2.2.1.14"} {
		d.Fail["1.3.6.1.2.1."+oid] = errAnswer
	}
	_, err := p.Run(context.Background(), d.Ask, &table.State{}, tabletest.Target())
	assert.ErrorIs(t, err, errAnswer)
	d = tabletest.Parse(t, "1.3.6.1.2.1.1.1.0|4|a device without interfaces\n")
	assert.Equal(t, []string{""}, after(t, 0, p, d.Ask, &polled{}))
}

const kept = `
uptime: none
groups:
  - group: interface
    index: ifIndex
    dimensions: {name: 1.3.6.1.2.1.2.2.1.2}
    keep: [{oid: 1.3.6.1.2.1.2.2.1.8, is: [1]}]
    metrics: {octets: 1.3.6.1.2.1.2.2.1.10}
`

// Only the rows that are kept are fetched; where that are most of them, all are fetched at once from the next run on.
func TestKeepFetchesWhatItKeeps(t *testing.T) {
	p := program(t, kept)
	text := device + "1.3.6.1.2.1.2.2.1.2.3|4|eth3\n1.3.6.1.2.1.2.2.1.2.4|4|eth4\n1.3.6.1.2.1.2.2.1.10.3|65|30\n" +
		"1.3.6.1.2.1.2.2.1.10.4|65|40\n1.3.6.1.2.1.2.2.1.8.3|2|2\n1.3.6.1.2.1.2.2.1.8.4|2|2\n"
	few := tabletest.Parse(t, text+"1.3.6.1.2.1.2.2.1.8.1|2|1\n1.3.6.1.2.1.2.2.1.8.2|2|2\n")
	s := &polled{}
	want := []string{`interface{name="eth1"} octets=10c`}
	assert.Equal(t, want, after(t, 0, p, few.Ask, s))
	assert.Equal(t, want, after(t, 0, p, few.Ask, s))
	one := []string{"1.3.6.1.2.1.2.2.1.8"}
	other := []string{"1.3.6.1.2.1.2.2.1.10/1", "1.3.6.1.2.1.2.2.1.2/1"}
	assert.Equal(t, [][]string{one, other, one, other}, few.Asked)

	most := tabletest.Parse(t, text+"1.3.6.1.2.1.2.2.1.8.1|2|1\n1.3.6.1.2.1.2.2.1.8.2|2|1\n1.3.6.1.2.1.2.2.1.8.5|2|1\n")
	s = &polled{}
	want = []string{
		`interface{name="eth1"} octets=10c`, `interface{name="eth2"} octets=20c`,
	}
	assert.Equal(t, want, after(t, 0, p, most.Ask, s))
	assert.Equal(t, want, after(t, 0, p, most.Ask, s))
	assert.Equal(t, [][]string{
		one,
		{"1.3.6.1.2.1.2.2.1.10", "1.3.6.1.2.1.2.2.1.2"},
		{"1.3.6.1.2.1.2.2.1.10", "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.8"},
	}, most.Asked)

	none := tabletest.Parse(t, device+"1.3.6.1.2.1.2.2.1.8.1|2|2\n")
	assert.Equal(t, []string{""}, after(t, 0, p, none.Ask, &polled{}))
	assert.Equal(t, [][]string{one}, none.Asked)

	few.Fail["1.3.6.1.2.1.2.2.1.8"] = errAnswer
	_, err := p.Run(context.Background(), few.Ask, &table.State{}, tabletest.Target())
	assert.ErrorIs(t, err, errAnswer, "what is kept is not known")
}

const slow = `
groups:
  - group: interface
    index: ifIndex
    dimensions: {name: {oid: 1.3.6.1.2.1.2.2.1.2, refresh: 1h}}
    metrics: {octets: 1.3.6.1.2.1.2.2.1.10}
`

// A slow column is fetched once an hour, when a row is new, and when the device has started anew.
func TestRefresh(t *testing.T) {
	p := program(t, slow)
	const up = "1.3.6.1.2.1.1.3.0|67|%\n"
	open := func(uptime, more string) *tabletest.Device {
		return tabletest.Parse(t, device+strings.ReplaceAll(up, "%", uptime)+more)
	}
	const name, octets, uptime = "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.10", "1.3.6.1.2.1.1.3/1"
	s := &polled{}
	run := func(at time.Duration, d *tabletest.Device, want string, asked ...[]string) {
		t.Helper()
		d.Asked = nil
		assert.Equal(t, strings.TrimSpace(want), strings.Join(after(t, at, p, d.Ask, s), "\n"))
		assert.Equal(t, asked, d.Asked)
	}
	all, quick := []string{uptime, octets, name}, []string{uptime, octets}
	line := func(name, value, since string) string {
		return `interface{name="` + name + `"} octets=` + value + "c32 since=" + since + "\n"
	}
	const since = "2026-12-01T11:00:00Z"
	two := line("eth1", "10", since) + line("eth2", "20", since)
	d := open("360000", "")
	run(0, d, two, all)
	d = open("366000", "")
	run(time.Minute, d, two, quick)
	d = open("372000", "1.3.6.1.2.1.2.2.1.2.3|4|eth3\n1.3.6.1.2.1.2.2.1.10.3|65|30\n1.3.6.1.2.1.2.2.1.10.4|65|40\n")
	three := line("eth1", "10", since) + line("eth2", "20", since) + line("eth3", "30", since)
	unnamed := `interface{} octets=40c32 since=` + since + "\n"
	run(2*time.Minute, d, three+unnamed, quick, []string{name})
	run(3*time.Minute, d, three+unnamed, quick) // that it lacks row 4 is known
	d.Fail[name] = errAnswer
	// The old names stay. Whether row 4 has one now is not known.
	run(63*time.Minute, d, three+"failed "+name+" for [name] after 3 rows: no answer\ndropped 1: dimension_not_fetched", all)
	delete(d.Fail, name)
	run(64*time.Minute, d, three+unnamed, all)
	d = open("100", "")
	since2 := "2026-12-01T13:04:59Z"
	run(65*time.Minute, d, line("eth1", "10", since2)+line("eth2", "20", since2)+"restarted", quick, []string{name})
}

func TestDuplicates(t *testing.T) {
	p := program(t, `
uptime: none
groups:
  - group: disk
    index: disk
    dimensions: {name: 1.3.6.1.2.1.2.2.1.2}
    metrics: {octets: 1.3.6.1.2.1.2.2.1.10}
`)
	d := tabletest.Parse(t, strings.ReplaceAll(device, "eth2", "eth1"))
	assert.Equal(t, []string{
		`disk{name="eth1"} octets=10c`, `dropped 1: duplicate`,
	}, after(t, 0, p, d.Ask, &polled{}))
}
