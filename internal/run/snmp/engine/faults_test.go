package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// variables splits a list of variables.
func variables(list []byte) (all [][]byte) {
	for len(list) > 0 {
		_, rest, err := ber.ReadVarBind(list)
		if err != nil {
			return append(all, list)
		}
		all, list = append(all, list[:len(list)-len(rest)]), rest
	}
	return all
}

func appendVariable(list []byte, name string, v ber.Value) []byte {
	list, _ = ber.AppendVarBind(list, ber.Variable{Name: ber.MustOID(name), Value: v})
	return list
}

// TestAgentsThatAnswerLess walks tables of agents that cut their answers to some variables, at every number, and that refuse
// what is larger than some bytes.
func TestAgentsThatAnswerLess(t *testing.T) {
	lengths := []int{30, 12, 0, 30, 7, 1, 30}
	e := newEngine(t)
	whole := func(t *testing.T, agent *fault, v engine.Version) {
		result := e.Do(context.Background(), &engine.Target{Name: "r1", Agent: agent, Credentials: engine.Credentials{Version: v}}, &engine.Request{
			Get: []ber.OID{ber.MustOID("1.3.1.3.0"), ber.MustOID("1.3.9.1.0"), ber.MustOID("1.3.2.1.1.5")}, Columns: columns(len(lengths)),
		})
		require.NoError(t, result.Err)
		for i, length := range lengths {
			require.Equal(t, length, result.Columns[i].Len(), "column %d", i)
			for row := range length {
				require.Equal(t, uint64(1000*(i+1)+row+1), must(result.Columns[i].Value(row).Uint()))
			}
		}
		assert.Equal(t, "12345 1 1005", result.Variables[0].Value.Text()+" "+result.Variables[1].Value.Text()+" "+result.Variables[2].Value.Text())
	}
	for _, v := range []engine.Version{engine.V2c, engine.V1} {
		for n := 1; n < 70; n++ {
			t.Run(fmt.Sprintf("%s, %d variables", v, n), func(t *testing.T) {
				agent := &fault{Recording: table(t, lengths...)}
				agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
					p := agent.Recording.Answer(request, room)
					all := variables(p.Variables)
					if request.Type != message.GetBulkRequest {
						if len(all) > n {
							p = message.PDU{Status: message.TooBig, Variables: request.Variables}
						}
						return p, true
					}
					p.Variables = slices.Concat(all[:min(n, len(all))]...)
					return p, true
				}
				whole(t, agent, v)
			})
			t.Run(fmt.Sprintf("%s, %d bytes", v, 16*n+14), func(t *testing.T) {
				agent := &fault{Recording: table(t, lengths...)}
				agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
					p := agent.Recording.Answer(request, room)
					if len(p.Variables) > 16*n+14 {
						p = message.PDU{Status: message.TooBig, Variables: request.Variables}
					}
					return p, true
				}
				whole(t, agent, v)
			})
		}
	}
}

func must(n uint64, ok bool) uint64 {
	if !ok {
		panic("no number")
	}
	return n
}

// TestErrorInMidWalk walks a table in which one row is an error, of agents that say which variable it was, that do not, and
// that lie.
func TestErrorInMidWalk(t *testing.T) {
	for _, status := range []message.Status{message.GenErr, 16, 13, message.TooBig, 6} {
		for _, says := range []string{"right", "nothing", "wrong"} {
			for _, v := range []engine.Version{engine.V2c, engine.V1} {
				t.Run(fmt.Sprintf("%s %s %s", status, says, v), func(t *testing.T) {
					agent := &fault{Recording: table(t, 48, 48, 48, 48)}
					bad := ber.MustOID("1.3.2.1.2.11")
					agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
						p := agent.Recording.Answer(request, room)
						for i, v := range variables(p.Variables) {
							raw, _, _ := ber.ReadVarBind(v)
							if name, _ := ber.ParseContent(raw.OID); name != bad {
								continue
							}
							nonRepeaters := 0
							if request.Type == message.GetBulkRequest {
								nonRepeaters = int(request.Status)
							}
							index := int32(i + 1)
							if i >= nonRepeaters && request.Type == message.GetBulkRequest {
								index = int32(nonRepeaters + (i-nonRepeaters)%(len(names)-nonRepeaters) + 1)
							}
							switch says {
							case "nothing":
								index = 0
							case "wrong":
								index = index%int32(len(names)) + 1
							}
							return message.PDU{Status: status, Index: index, Variables: request.Variables}, true
						}
						return p, true
					}
					e := newEngine(t)
					result := e.Do(context.Background(), &engine.Target{Name: "r1", Address: "10.0.0.1", Agent: agent, Credentials: engine.Credentials{Version: v}},
						&engine.Request{Get: []ber.OID{ber.MustOID("1.3.1.3.0")}, Columns: columns(4)})
					want := fmt.Sprintf("r1 (10.0.0.1): walk of 1.3.2.1.2: the agent answers %s at 1.3.2.1.2.10", status)
					require.EqualError(t, result.Err, want)
					assert.EqualError(t, result.Columns[1].Err, want)
					assert.True(t, result.Columns[1].Partial())
					var refused *engine.StatusError
					require.ErrorAs(t, result.Err, &refused)
					assert.Equal(t, status, refused.Status)
					assert.Equal(t, 10, result.Columns[1].Len(), "all rows before the bad one are there")
					for _, i := range []int{0, 2, 3} {
						assert.NoError(t, result.Columns[i].Err)
						assert.Equal(t, 48, result.Columns[i].Len())
					}
					assert.Equal(t, "12345", result.Variables[0].Value.Text())
					assert.Less(t, len(agent.requests), 150)
				})
			}
		}
	}
}

// TestDisorder has agents whose answers do not ascend.
func TestDisorder(t *testing.T) {
	for name, c := range map[string]struct {
		after, then string // the agent answers then after after
		want        string
		rows        int
	}{
		"again":      {"1.3.2.1.1.5", "1.3.2.1.1.5", "1.3.2.1.1.5 after 1.3.2.1.1.5", 5},
		"loop":       {"1.3.2.1.1.5", "1.3.2.1.1.2", "1.3.2.1.1.2 after 1.3.2.1.1.5", 5},
		"the base":   {"1.3.2.1.1", "1.3.2.1.1", "1.3.2.1.1 after 1.3.2.1.1", 0},
		"shorter":    {"1.3.2.1.1.5", "1.3.2.1.1.4.9", "1.3.2.1.1.4.9 after 1.3.2.1.1.5", 5},
		"before all": {"1.3.2.1.1.5", "1.3.1.1.0", "", 5},
	} {
		t.Run(name, func(t *testing.T) {
			agent := &fault{Recording: table(t, 8)}
			agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
				for i, at := 0, names[0]; i < int(request.Index); i++ {
					if at.String() == c.after {
						at = ber.MustOID(c.then)
						room = appendVariable(room, c.then, ber.NumberValue(ber.Counter32, 7))
						continue
					}
					next := agent.Recording.Answer(&message.PDU{Type: message.GetNextRequest, Variables: appendVariable(nil, at.String(), ber.Value{})}, nil)
					raw, _, _ := ber.ReadVarBind(next.Variables)
					at, _ = ber.ParseContent(raw.OID)
					room = append(room, next.Variables...)
				}
				return message.PDU{Variables: room}, true
			}
			result := newEngine(t).Do(context.Background(), &engine.Target{Name: "r1", Agent: agent}, &engine.Request{Columns: columns(1)})
			assert.Equal(t, c.rows, result.Columns[0].Len())
			if c.want == "" {
				assert.NoError(t, result.Err, "outside the base a walk ends")
				return
			}
			assert.ErrorIs(t, result.Err, engine.ErrOrder)
			assert.EqualError(t, result.Err, "r1: walk of 1.3.2.1.1: the agent's answers do not ascend: "+c.want)
			assert.LessOrEqual(t, len(agent.requests), 2)
		})
	}
}

// TestAnyOrder goes on where an agent's answers do not ascend, if that is allowed, and ends where one comes again.
func TestAnyOrder(t *testing.T) {
	follows := map[string]string{ // what the agent answers after what
		"1.3.2.1.1": "1.3.2.1.1.3", "1.3.2.1.1.3": "1.3.2.1.1.1", "1.3.2.1.1.1": "1.3.2.1.1.7", "1.3.2.1.1.7": "1.3.2.1.1.2",
	}
	walk := func(last string, anyOrder bool) *engine.Result {
		follows["1.3.2.1.1.2"] = last
		agent := &fault{Recording: table(t, 1)}
		agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
			at := names[0].String()
			for range request.Index {
				if next, known := follows[at]; known {
					at = next
				}
				room = appendVariable(room, at, ber.NumberValue(ber.Counter32, 7))
			}
			return message.PDU{Variables: room}, true
		}
		return newEngine(t).Do(context.Background(), &engine.Target{Name: "r1", Agent: agent},
			&engine.Request{Columns: []engine.Column{{Base: ber.MustOID("1.3.2.1.1"), AnyOrder: anyOrder}}})
	}
	result := walk("1.3.2.1.2.1", true)
	require.NoError(t, result.Err)
	var indexes []string
	for i := range result.Columns[0].Len() {
		indexes = append(indexes, result.Columns[0].Index(i).String())
	}
	assert.Equal(t, []string{"1", "2", "3", "7"}, indexes)
	result = walk("1.3.2.1.1.3", true)
	assert.EqualError(t, result.Err, "r1: walk of 1.3.2.1.1: the agent's answers do not ascend: 1.3.2.1.1.3 after 1.3.2.1.1.2")
	assert.Equal(t, 4, result.Columns[0].Len())
	assert.ErrorIs(t, walk("1.3.2.1.2.1", false).Err, engine.ErrOrder)
}

// TestOddAnswers has agents that answer what cannot be.
func TestOddAnswers(t *testing.T) {
	ok := func(list []byte) message.PDU { return message.PDU{Variables: list} }
	for name, c := range map[string]struct {
		answer message.PDU
		walk   string // the error of the walk
		get    string // the error of the GET
	}{
		"nothing": {
			ok(nil), "r1: walk of 1.3.2.1.1: the agent answers without a variable", "r1: the agent answers without a variable",
		},
		"another variable": {
			ok(appendVariable(nil, "1.3.1.9.0", ber.IntegerValue(1))), "", "r1: the agent answers for another variable: 1.3.1.9.0 instead of 1.3.1.3.0",
		},
		"no variable": {
			ok([]byte{2, 1, 1}), "r1: walk of 1.3.2.1.1: the agent's answer cannot be read: an element of another type than expected",
			"r1: the agent's answer cannot be read: an element of another type than expected",
		},
		"truncated variable": {
			ok(appendVariable(nil, "1.3.2.1.1.1", ber.IntegerValue(1))[:9]), "r1: walk of 1.3.2.1.1: the agent's answer cannot be read: it ends within an element",
			"r1: the agent's answer cannot be read: it ends within an element",
		},
		"bad number": {
			ok([]byte{0x30, 9, 6, 5, 0x2b, 2, 1, 1, 1, 0x41, 0}), "r1: walk of 1.3.2.1.1: 1.3.2.1.1.1: a number without bytes",
			"r1: the agent answers for another variable: 1.3.2.1.1.1 instead of 1.3.1.3.0",
		},
		"bad type": {
			ok([]byte{0x30, 10, 6, 5, 0x2b, 2, 1, 1, 1, 0x50, 1, 0}), "r1: walk of 1.3.2.1.1: 1.3.2.1.1.1: a value with the unknown tag 0x50",
			"r1: the agent answers for another variable: 1.3.2.1.1.1 instead of 1.3.1.3.0",
		},
		"bad index": {
			ok([]byte{0x30, 10, 6, 5, 0x2b, 2, 1, 1, 0x81, 2, 1, 0}), "r1: walk of 1.3.2.1.1: after 1.3.2.1.1: an object identifier that ends within an arc",
			"r1: an object identifier that ends within an arc",
		},
		"unknown status": {
			message.PDU{Status: 99, Index: 1},
			"r1: walk of 1.3.2.1.1: the agent answers error-status 99 at 1.3.2.1.1",
			"r1: the agent answers error-status 99 at 1.3.1.3.0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			agent := &fault{Recording: table(t, 3)}
			agent.instead = func(*message.PDU, []ber.OID, []byte) (message.PDU, bool) { return c.answer, true }
			e := newEngine(t)
			target := &engine.Target{Name: "r1", Agent: agent}
			result := e.Do(context.Background(), target, &engine.Request{Columns: columns(1)})
			if c.walk == "" {
				assert.NoError(t, result.Err)
			} else {
				assert.EqualError(t, result.Err, c.walk)
			}
			result = e.Do(context.Background(), target, &engine.Request{Get: []ber.OID{ber.MustOID("1.3.1.3.0")}})
			assert.EqualError(t, result.Err, c.get)
			assert.EqualError(t, result.Variables[0].Err, c.get)
			assert.Less(t, len(agent.requests), 20)
		})
	}
}

// TestEndlessTable has a table that ends nowhere.
func TestEndlessTable(t *testing.T) {
	agent := &fault{Recording: table(t)}
	agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
		arcs := names[0].AppendArcs(nil)
		next := uint32(1)
		if len(arcs) > 5 {
			next = arcs[5] + 1
		}
		for range request.Index {
			room = appendVariable(room, fmt.Sprintf("1.3.2.1.1.%d", next), ber.IntegerValue(1))
			next++
		}
		return message.PDU{Variables: room}, true
	}
	result := newEngine(t).Do(context.Background(), &engine.Target{Name: "r1", Agent: agent}, &engine.Request{Columns: columns(1), MaxRows: 5000})
	assert.ErrorIs(t, result.Err, engine.ErrTooLarge)
	assert.EqualError(t, result.Err, "r1: walk of 1.3.2.1.1: too many rows: more than 5000 in one request")
	assert.Equal(t, 5000, result.Columns[0].Len())
}

// TestRowsOfAColumn asks for some rows only.
func TestRowsOfAColumn(t *testing.T) {
	agent := &fault{Recording: table(t, 100, 100)}
	wanted := columns(2)
	for _, row := range []uint32{99, 5, 200, 7, 5} {
		wanted[0].Rows = append(wanted[0].Rows, ber.MakeOID(row))
	}
	wanted[1].Rows = []ber.OID{}
	for _, v := range []engine.Version{engine.V2c, engine.V1} {
		agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
			p := agent.Recording.Answer(request, room)
			for i, one := range variables(p.Variables) {
				if raw, _, _ := ber.ReadVarBind(one); v == engine.V1 && ber.Type(raw.Tag).Exception() {
					return message.PDU{Status: message.NoSuchName, Index: int32(i + 1), Variables: request.Variables}, true
				}
			}
			return p, true
		}
		result := newEngine(t).Do(context.Background(), &engine.Target{Agent: agent, Credentials: engine.Credentials{Version: v}},
			&engine.Request{Columns: wanted, Get: []ber.OID{ber.MustOID("1.3.2.1.2.100"), ber.MustOID("1.3.2.1.2.101")}})
		require.NoError(t, result.Err)
		assert.Equal(t, "5=1005 7=1007 99=1099", show(&result.Columns[0]))
		assert.Equal(t, 0, result.Columns[1].Len())
		assert.Equal(t, "2100 NOSUCHINSTANCE", result.Variables[0].Value.Text()+" "+result.Variables[1].Value.Text())
		row, found := result.Columns[0].Find(ber.MakeOID(99), 0)
		assert.True(t, found)
		assert.Equal(t, 2, row)
		_, found = result.Columns[0].Find(ber.MakeOID(6), 9)
		assert.False(t, found)
	}
	assert.Len(t, agent.requests, 1+3, "version 1 tells one that is missing at a time")
}

// TestBaseOfOneArc walks all that an agent has.
func TestBaseOfOneArc(t *testing.T) {
	agent := &fault{Recording: table(t, 2)}
	for _, base := range []ber.OID{ber.MustOID("1"), {}} {
		result := newEngine(t).Do(context.Background(), &engine.Target{Agent: agent}, &engine.Request{Columns: []engine.Column{{Base: base}}})
		require.NoError(t, result.Err)
		assert.Equal(t, agent.Len(), result.Columns[0].Len())
		whole := base.Join(result.Columns[0].Index(0))
		assert.Equal(t, "1.3.1.1.0", whole.String())
	}
}

// TestAnyTable walks tables of any shape, of agents that cut anywhere, and finds all rows.
func TestAnyTable(t *testing.T) {
	e := newEngine(t)
	rapid.Check(t, func(rt *rapid.T) {
		lengths := rapid.SliceOfN(rapid.IntRange(0, 60), 1, 40).Draw(rt, "lengths")
		agent := &fault{Recording: table(t, lengths...)}
		cut := rapid.IntRange(1, 100).Draw(rt, "cut")
		agent.instead = func(request *message.PDU, names []ber.OID, room []byte) (message.PDU, bool) {
			p := agent.Recording.Answer(request, room)
			if all := variables(p.Variables); len(all) > cut && request.Type == message.GetBulkRequest {
				p.Variables = slices.Concat(all[:cut]...)
			}
			return p, true
		}
		asked := columns(len(lengths))
		for i := range asked {
			asked[i].Repetitions = rapid.IntRange(0, 30).Draw(rt, "repetitions")
		}
		v := rapid.SampledFrom([]engine.Version{engine.V1, engine.V2c}).Draw(rt, "version")
		result := e.Do(context.Background(), &engine.Target{Agent: agent, InFlight: rapid.IntRange(0, 3).Draw(rt, "in flight"), Credentials: engine.Credentials{Version: v}},
			&engine.Request{Columns: asked})
		require.NoError(rt, result.Err)
		for i, length := range lengths {
			require.Equal(rt, length, result.Columns[i].Len())
			for row := range length {
				require.Equal(rt, ber.MakeOID(uint32(row+1)), result.Columns[i].Index(row))
				require.Equal(rt, ber.NumberValue(ber.Counter32, uint64(1000*(i+1)+row+1)), result.Columns[i].Value(row))
			}
		}
	})
}
