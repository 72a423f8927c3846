package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

// fault is an agent that plays a recording and may do otherwise.
type fault struct {
	*snmprec.Recording
	// instead may answer in the recording's place.
	instead  func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool)
	requests []string
}

func (f *fault) Answer(request *message.PDU, room []byte) message.PDU {
	var names []ber.OID
	var texts []string
	for list := request.Variables; len(list) > 0; {
		raw, rest, _ := ber.ReadVarBind(list)
		v, _ := raw.Parse()
		names, texts, list = append(names, v.Name), append(texts, v.Name.String()), rest
	}
	f.requests = append(f.requests, fmt.Sprintf("%x %d %d %s", byte(request.Type), request.Status, request.Index, strings.Join(texts, " ")))
	if f.instead != nil {
		if p, done := f.instead(request, names, room); done {
			return p
		}
	}
	return f.Recording.Answer(request, room)
}

// table is a recording of a table with columns of some lengths, and two scalars.
func table(t *testing.T, lengths ...int) *snmprec.Recording {
	text := strings.Builder{}
	text.WriteString("1.3.1.1.0|4|name\n1.3.1.3.0|67|12345\n1.3.9.1.0|2|1\n")
	for column, length := range lengths {
		for row := range length {
			fmt.Fprintf(&text, "1.3.2.1.%d.%d|65|%d\n", column+1, row+1, 1000*(column+1)+row+1)
		}
	}
	r, err := snmprec.Parse("table", []byte(text.String()))
	require.NoError(t, err)
	return r
}

func columns(n int) []engine.Column {
	all := make([]engine.Column, n)
	for i := range all {
		all[i].Base = ber.MakeOID(1, 3, 2, 1, uint32(i+1))
	}
	return all
}

func newEngine(t *testing.T) *engine.Engine {
	e, err := engine.New(engine.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })
	return e
}

func show(r *engine.Rows) string {
	var parts []string
	for i := range r.Len() {
		parts = append(parts, r.Index(i).String()+"="+r.Value(i).Text())
	}
	return strings.Join(parts, " ")
}

func TestWalkOfUnequalColumns(t *testing.T) {
	lengths := []int{48, 0, 3, 48, 1, 47, 100}
	agent := &fault{Recording: table(t, lengths...)}
	e := newEngine(t)
	for range 3 {
		agent.requests = nil
		result := e.Do(context.Background(), &engine.Target{Name: "r1", Agent: agent}, &engine.Request{
			Get:     []ber.OID{ber.MustOID("1.3.1.3.0"), ber.MustOID("1.3.1.2.0"), ber.MustOID("1.3.1.1.0")},
			Columns: columns(len(lengths)),
		})
		require.NoError(t, result.Err)
		for i, length := range lengths {
			rows := &result.Columns[i]
			assert.NoError(t, rows.Err)
			assert.Equal(t, length, rows.Len(), i)
			for row := range length {
				assert.Equal(t, ber.MakeOID(uint32(row+1)), rows.Index(row))
				assert.Equal(t, ber.NumberValue(ber.Counter32, uint64(1000*(i+1)+row+1)), rows.Value(row))
			}
		}
		assert.Equal(t, "12345", result.Variables[0].Value.Text())
		assert.Equal(t, ber.NoSuchInstance, result.Variables[1].Value.Type())
		assert.Equal(t, "name", result.Variables[2].Value.Text())
		t.Log(len(agent.requests), strings.Join(agent.requests, "\n"))
	}
}

// TestBulk is one GETBULK as the agent answers it.
func TestBulk(t *testing.T) {
	agent := &fault{Recording: table(t, 3, 3)}
	e := newEngine(t)
	ask := func(v engine.Version, nonRepeaters, repetitions int, names ...string) string {
		bulk := &engine.Bulk{NonRepeaters: nonRepeaters, MaxRepetitions: repetitions}
		for _, name := range names {
			bulk.OIDs = append(bulk.OIDs, ber.MustOID(name))
		}
		result := e.Do(context.Background(), &engine.Target{Name: "r1", Agent: agent, Credentials: engine.Credentials{Version: v}}, &engine.Request{Bulk: bulk})
		if result.Err != nil {
			return result.Err.Error()
		}
		var parts []string
		for _, v := range result.Variables {
			parts = append(parts, v.Name.String()+"="+v.Value.Text())
		}
		return strings.Join(parts, " ")
	}
	assert.Equal(t, "1.3.1.3.0=12345 1.3.2.1.1.1=1001 1.3.2.1.2.2=2002 1.3.2.1.1.2=1002 1.3.2.1.2.3=2003",
		ask(engine.V2c, 1, 2, "1.3.1.3", "1.3.2.1.1", "1.3.2.1.2.1"))
	assert.Equal(t, "1.3.9.1.0=ENDOFMIBVIEW", ask(engine.V2c, 0, 5, "1.3.9.1.0"))
	assert.Equal(t, "1.3.1.3.0=12345 1.3.2.1.1.1=1001", ask(engine.V1, 1, 2, "1.3.1.3", "1.3.2.1.1"))
	agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
		return message.PDU{Status: message.NoSuchName, Index: 1}, true
	}
	assert.Equal(t, "1.3.1.3=ENDOFMIBVIEW", ask(engine.V1, 0, 5, "1.3.1.3"))
	assert.Equal(t, "r1: the agent answers noSuchName at 1.3.1.3", ask(engine.V2c, 0, 5, "1.3.1.3"))
	assert.Equal(t, "r1: a GETBULK of 1 variables, -1 non-repeaters and 5 repetitions", ask(engine.V2c, -1, 5, "1.3"))
	assert.Equal(t, "r1: object identifier 3.1: the first arc must be 0, 1 or 2, and the second below 40 after 0 or 1", ask(engine.V2c, 0, 5, "3.1"))
	result := e.Do(context.Background(), &engine.Target{Name: "r1", Agent: agent}, &engine.Request{Bulk: &engine.Bulk{}, Columns: columns(1)})
	assert.EqualError(t, result.Err, "r1: a request for a GETBULK and for something else")
	assert.EqualError(t, result.Columns[0].Err, "r1: walk of 1.3.2.1.1: a request for a GETBULK and for something else")
}
