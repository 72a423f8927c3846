package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/service"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recording has three columns of 60 rows, and what is odd.
func recording(t *testing.T) *snmprec.Recording {
	var text strings.Builder
	text.WriteString("1.3.1.1.0|4|a \"b\\\\\" c\n1.3.1.2.0|4x|00ff41\n1.3.1.3.0|67|12345\n1.3.1.4.0|64|192.0.2.1\n1.3.1.5.0|6|1.3.6\n1.3.1.6.0|2|-7\n")
	for column := 1; column <= 3; column++ {
		for row := 1; row <= 60; row++ {
			fmt.Fprintf(&text, "1.3.2.1.%d.%d.5|70|%d\n", column, row, 1000*column+row)
		}
	}
	text.WriteString("1.3.2.30.1|2|1\n")
	r, err := snmprec.Parse("", []byte(text.String()))
	require.NoError(t, err)
	return r
}

// plugin calls the host as plugins do.
type plugin struct {
	t       *testing.T
	service *service.Service
	table   *hostapi.Table
	by      hostapi.Caller
	target  string
}

func start(t *testing.T, s *agenttest.Server) *plugin {
	if s.Source == nil {
		s.Source = recording(t)
	}
	agenttest.Start(t, "udp4", s)
	e, err := engine.New(engine.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	calls := service.New(devices.New(devices.Settings{Community: "public"}, e, kv.NoSecrets{}))
	return &plugin{
		t: t, service: calls, table: hostapi.NewTable(nil, calls), target: target(s.Address()),
		by: hostapi.Caller{Plugin: "p", Resource: &pluginsdk.Resource{ID: "r1", Endpoint: s.Address()}, RunID: 1},
	}
}

func target(host string) string {
	return fmt.Sprintf(`{"host":%q,"port":161,"timeout":0.25,"retries":1,"site":"dc1","community_key":"k"}`, host)
}

func (p *plugin) call(method, params string) (string, error) {
	result, err := p.table.Call(context.Background(), p.by, method, json.RawMessage(fmt.Sprintf(`{%s,"target":%s,"run_id":1}`, params, p.target)))
	text, failed := json.Marshal(result)
	require.NoError(p.t, failed)
	return string(text), err
}

func (p *plugin) walk(oid string) int {
	text, err := p.call("snmp.bulk_walk", fmt.Sprintf(`"oid":".%s","max_repetitions":25`, oid))
	require.NoError(p.t, err)
	var answer struct{ Indexes, Values []string }
	require.NoError(p.t, json.Unmarshal([]byte(text), &answer))
	require.Len(p.t, answer.Values, len(answer.Indexes))
	return len(answer.Values)
}

func TestAnswers(t *testing.T) {
	p := start(t, &agenttest.Server{})
	for _, c := range []struct{ method, params, want string }{
		{"snmp.open", `"x":1`, `{"version":"2c"}`},
		{"snmp.get", `"oids":[".1.3.1.1.0"]`, `{"types":"OCTETSTR","values":["a \"b\\\\\" c"]}`},
		{"snmp.get", `"oids":[".1.3.1.2.0"]`, `{"types":"OCTETSTR","values":["\u0000ÿA"]}`},
		{"snmp.get", `"oids":["1.3.1.3.0","1.3.1.4.0","1.3.1.5.0","1.3.1.6.0","1.3.1.7.0"]`, `{"types":["TICKS","IPADDR","OBJECTID","INTEGER","NOSUCHINSTANCE"],"values":["12345","192.0.2.1",".1.3.6","-7","NOSUCHINSTANCE"]}`},
		{"snmp.bulk_walk", `"oid":".1.3.2.1.3","max_repetitions":10`, ""},
		{"snmp.bulk_walk", `"oid":".1.3.2.3"`, `{"indexes":[],"types":[],"values":[]}`},
		{"snmp.bulk_walk", `"oid":".1.3.2.30"`, `{"indexes":["1"],"types":"INTEGER","values":["1"]}`},
		{"snmp.bulk_walk", `"oid":".1.3.1"`, `{"indexes":["1.0","2.0","3.0","4.0","5.0","6.0"],"types":["OCTETSTR","OCTETSTR","TICKS","IPADDR","OBJECTID","INTEGER"],"values":["a \"b\\\\\" c","\u0000ÿA","12345","192.0.2.1",".1.3.6","-7"]}`},
		{"snmp.get_bulk", `"oid":".1.3.2.1.3.59.5","max_repetitions":3`, `{"oids":[".1.3.2.1.3.60.5",".1.3.2.30.1",".1.3.2.30.1"],"types":["COUNTER64","INTEGER","ENDOFMIBVIEW"],"values":["3060","1","ENDOFMIBVIEW"]}`},
	} {
		p.by.RunID++
		text, err := p.call(c.method, c.params)
		require.NoError(t, err)
		if c.want != "" {
			assert.Equal(t, c.want, text, "%s %s", c.method, c.params)
		}
	}
	assert.Equal(t, 60, p.walk("1.3.2.1.1"))
}

func TestErrors(t *testing.T) {
	s := &agenttest.Server{Community: "other"}
	p := start(t, s)
	for _, c := range []struct {
		method, params, target string
		code                   int
		want                   string
	}{
		{"snmp.get", `"oids":[]`, "", rpc.CodeInvalidParams, `parameters of snmp.get: oids must have between 1 and 4096 object identifiers, has 0`},
		{"snmp.get", `"oids":["x"]`, "", rpc.CodeInvalidParams, `parameters of snmp.get: object identifier "x": arc "x" is no number from 0 to 4294967295`},
		{"snmp.get", `"oids":["5"]`, "", -32020, `r1 (ADDR): object identifier 5: the first arc must be 0, 1 or 2, and the second below 40 after 0 or 1`},
		{"snmp.bulk_walk", `"x":1`, "", rpc.CodeInvalidParams, `parameters of snmp.bulk_walk: oid must be an object identifier`},
		{"snmp.get_bulk", `"oid":".1","non_repeaters":-1`, "", rpc.CodeInvalidParams, `parameters of snmp.get_bulk: non_repeaters and max_repetitions must not be negative`},
		{"snmp.open", `"x":1`, `{}`, rpc.CodeInvalidParams, `parameters of snmp.open: target.host must be a non-empty string`},
		{"snmp.open", `"x":1`, `{"host":"h","port":65536}`, rpc.CodeInvalidParams, `parameters of snmp.open: target.port must be between 1 and 65535, is 65536`},
		{"snmp.open", `"x":1`, `{"host":"h","timeout":4000}`, rpc.CodeInvalidParams, `parameters of snmp.open: target.timeout must be between 0 and 3600 seconds, is 4000`},
		{"snmp.open", `"x":1`, `{"host":"h","retries":-1}`, rpc.CodeInvalidParams, `parameters of snmp.open: target.retries must not be negative, is -1`},
		{"snmp.open", `"x":1`, `{"host":"h","transport":"tlstcp"}`, -32020, `h: SNMP over tlstcp is not supported: use version 3 with users (docs/snmp.md)`},
		{"snmp.open", `"x":1`, `{"host":"no.such.host.invalid"}`, -32021, ""},
		{"snmp.open", `"x":1`, `{"host":"[::1"}`, -32020, `[::1: address "[::1" is not of the form [IPv6]:port`},
		{"snmp.get", `"oids":["1.3.1.1.0"]`, "", -32022, `r1 (ADDR): no answer in DURATION (2 tries)`},
		{"snmp.bulk_walk", `"oid":"1.3.1"`, "", -32022, `r1 (ADDR): walk of 1.3.1: no answer in DURATION (2 tries)`},
		{"snmp.get_bulk", `"oid":"1.3.1","max_repetitions":5`, "", -32022, `r1 (ADDR): no answer in DURATION (2 tries)`},
	} {
		usual := p.target
		if c.target != "" {
			p.target = c.target
		}
		_, err := p.call(c.method, c.params)
		p.target = usual
		var failed *rpc.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, c.code, failed.Code, failed.Message)
		text := strings.ReplaceAll(failed.Message, s.Address(), "ADDR")
		if at := strings.Index(text, "answer in "); at >= 0 {
			before, after := text[:at+len("answer in ")], text[at+len("answer in "):]
			_, after, _ = strings.Cut(after, " ")
			text = before + "DURATION " + after
		}
		if c.want != "" {
			assert.Equal(t, c.want, text)
		}
	}
}

// TestPartialWalk has a walk that ends by an error, which says how far it came.
func TestPartialWalk(t *testing.T) {
	source := recording(t)
	s := &agenttest.Server{Source: source}
	s.Respond = func(r *agenttest.Request) {
		p := s.Answer(r)
		for list := p.Variables; len(list) > 0; {
			v, rest, _ := ber.ReadVarBind(list)
			if name, _ := ber.ParseContent(v.OID); name == ber.MustOID("1.3.2.1.2.41.5") {
				p = message.PDU{Type: message.Response, ID: p.ID, Status: message.GenErr, Index: 1, Variables: r.PDU.Variables}
				break
			}
			list = rest
		}
		s.Send(s.Packet(r, p), r.From)
	}
	p := start(t, s)
	_, err := p.call("snmp.bulk_walk", `"oid":".1.3.2.1.2"`)
	assert.EqualError(t, err, "r1 ("+s.Address()+"): walk of 1.3.2.1.2: the agent answers genErr at 1.3.2.1.2.40.5 (after 40 rows) (code -32020)")
}

// TestReadAhead counts the requests of runs that ask one thing after the other.
func TestReadAhead(t *testing.T) {
	s := &agenttest.Server{}
	p := start(t, s)
	requests := func(run func()) int {
		before := s.Requests()
		p.by.RunID++
		run()
		return s.Requests() - before
	}
	columns := []string{"1.3.2.1.1", "1.3.2.1.2", "1.3.2.1.3"}
	poll := func() {
		text, err := p.call("snmp.get", `"oids":[".1.3.1.3.0"]`)
		require.NoError(t, err)
		assert.Equal(t, `{"types":"TICKS","values":["12345"]}`, text)
		for _, c := range columns {
			require.Equal(t, 60, p.walk(c))
		}
	}
	first := requests(poll)
	second := requests(poll)
	assert.Greater(t, first, 6, "one after the other")
	assert.LessOrEqual(t, second, 5, "together")
	assert.Equal(t, second, requests(poll))

	again := requests(func() { poll(); poll() })
	assert.Greater(t, again, second+3, "what is asked twice is asked of the device twice")

	columns = columns[:2]
	requests(poll)
	assert.LessOrEqual(t, requests(poll), 4, "what is not asked any more is not fetched any more")
	columns = append(columns, "1.3.2.1.3", "1.3.1", "1.3.2.30")
	requests(poll2(p, columns, []int{60, 60, 60, 6, 1}))
	assert.LessOrEqual(t, requests(poll2(p, columns, []int{60, 60, 60, 6, 1})), 6)

	p.by.RunID = 0
	before := s.Requests()
	p.walk("1.3.1")
	p.walk("1.3.1")
	assert.Equal(t, before+2, s.Requests(), "no run is known, so nothing is read ahead")
}

func poll2(p *plugin, columns []string, rows []int) func() {
	return func() {
		for i, c := range columns {
			require.Equal(p.t, rows[i], p.walk(c))
		}
	}
}

// TestReadAheadOfWhatFails has a column that the agent does not answer for, among others that it does.
func TestReadAheadOfWhatFails(t *testing.T) {
	s := &agenttest.Server{}
	p := start(t, s)
	columns := []string{"1.3.2.1.1", "1.3.2.1.2", "1.3.2.1.3"}
	poll := func() (failed []string) {
		p.by.RunID++
		for _, c := range columns {
			if _, err := p.call("snmp.bulk_walk", fmt.Sprintf(`"oid":".%s"`, c)); err != nil {
				failed = append(failed, c)
			}
		}
		return failed
	}
	assert.Empty(t, poll())
	s.Lock()
	s.Respond = func(r *agenttest.Request) {
		for list := r.PDU.Variables; len(list) > 0; {
			v, rest, _ := ber.ReadVarBind(list)
			if name, _ := ber.ParseContent(v.OID); strings.HasPrefix(name.String(), "1.3.2.1.2") {
				return
			}
			list = rest
		}
		s.Reply(r)
	}
	s.Unlock()
	assert.Equal(t, []string{"1.3.2.1.2"}, poll())
	began := time.Now()
	assert.Equal(t, []string{"1.3.2.1.2"}, poll())
	assert.Less(t, time.Since(began), 2*time.Second, "it is asked alone")
	s.Lock()
	s.Respond = func(*agenttest.Request) {}
	s.Unlock()
	began = time.Now()
	assert.Equal(t, columns, poll(), "nothing answers")
	assert.Less(t, time.Since(began), 3*500*time.Millisecond, "nobody waits for each of them")
	s.Lock()
	s.Respond = nil
	s.Unlock()
	assert.Empty(t, poll())
	before := s.Requests()
	assert.Empty(t, poll())
	assert.LessOrEqual(t, s.Requests()-before, 8)
}

// TestReadAheadDoesNotOutliveRuns drops what nobody asks for.
func TestReadAheadDoesNotOutliveRuns(t *testing.T) {
	s := &agenttest.Server{}
	p := start(t, s)
	poll2(p, []string{"1.3.2.1.1", "1.3.2.1.2"}, []int{60, 60})()
	p.by.RunID++
	p.walk("1.3.2.1.1") // which fetches both
	before := s.Requests()
	p.by.RunID++
	p.walk("1.3.2.1.2")
	assert.Greater(t, s.Requests(), before, "what was fetched for the run before is old")
}

// TestAhead has what a run is going to ask fetched before it begins.
func TestAhead(t *testing.T) {
	s := &agenttest.Server{}
	p := start(t, s)
	ahead := func(patience time.Duration) int {
		before := s.Requests()
		p.by.RunID++
		p.service.Ahead(context.Background(), p.by, patience)
		return s.Requests() - before
	}
	columns := []string{"1.3.2.1.1", "1.3.2.1.2", "1.3.2.1.3"}
	requests := func() int {
		before := s.Requests()
		poll2(p, columns, []int{60, 60, 60})()
		return s.Requests() - before
	}
	assert.Zero(t, ahead(time.Minute), "nothing is known")
	requests()
	for range 3 {
		assert.Positive(t, ahead(time.Minute))
		assert.Zero(t, requests(), "all of it is there")
	}
	assert.Positive(t, ahead(time.Minute))
	assert.Positive(t, ahead(time.Minute), "a run that asked for nothing is no sign that the next one does not")
	p.service.Ahead(context.Background(), hostapi.Caller{Plugin: "p", RunID: p.by.RunID}, time.Minute) // no resource

	// The answers come after the run has begun.
	var held []func()
	s.Lock()
	s.Respond = func(r *agenttest.Request) { held = append(held, func() { s.Reply(r) }) }
	s.Unlock()
	assert.LessOrEqual(t, ahead(time.Millisecond), 2)
	s.Lock()
	s.Respond = nil
	for _, reply := range held {
		reply()
	}
	s.Unlock()
	assert.LessOrEqual(t, requests(), 5, "the first call waits for them")

	// Nothing answers: a run is told at once what its first call would wait for.
	s.Lock()
	s.Respond = func(*agenttest.Request) {}
	s.Unlock()
	ahead(time.Minute)
	before := s.Requests()
	for _, c := range columns {
		_, err := p.call("snmp.bulk_walk", fmt.Sprintf(`"oid":".%s"`, c))
		assert.ErrorContains(t, err, "no answer")
	}
	assert.Equal(t, before, s.Requests())
}
