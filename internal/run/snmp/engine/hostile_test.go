package engine_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

var scalar = &engine.Request{Get: []ber.OID{ber.MustOID("1.3.1.3.0")}}

// hostile is a server that answers a request as respond says, and an engine.
func hostile(t *testing.T, respond func(s *agenttest.Server, r *agenttest.Request)) (*engine.Engine, *agenttest.Server, *engine.Target) {
	s := &agenttest.Server{Source: table(t, 48, 48, 48), Boots: 7, Time: 5000, Users: map[string]*usm.User{
		"u": agenttest.User(t, "u", usm.SHA1, usm.AES128),
	}}
	if respond != nil {
		s.Respond = func(r *agenttest.Request) { respond(s, r) }
	}
	agenttest.Start(t, "udp4", s)
	return newEngine(t), s, &engine.Target{Name: "r1", Address: s.Address(), Timeout: 400 * time.Millisecond, Retries: 1}
}

func v3(t *engine.Target) *engine.Target {
	t.Credentials = engine.Credentials{
		Version: engine.V3, User: "u", Auth: usm.SHA1, AuthPassphrase: "authentication", Priv: usm.AES128, PrivPassphrase: "encryption",
	}
	return t
}

func public(t *engine.Target) *engine.Target {
	t.Credentials.Community = "public"
	return t
}

// other is a socket at another port.
func other(t *testing.T) *net.UDPConn {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// TestLateAnswer has an agent that answers the first try when the second comes.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	var first *agenttest.Request
	e, s, target := hostile(t, func(s *agenttest.Server, r *agenttest.Request) {
		if r.Number == 1 {
			first = r
		} else {
			s.Reply(first)
			s.Reply(r)
		}
	})
	result := e.Do(context.Background(), public(target), scalar)
	require.NoError(t, result.Err)
	assert.Equal(t, "12345", result.Variables[0].Value.Text())
	assert.Equal(t, 1, result.Stats.Retries)
	assert.GreaterOrEqual(t, result.Stats.RTT, 300*time.Millisecond, "it is the first try that was answered")
	assert.Equal(t, 2, s.Requests())
	eventually(t, func() bool { return e.Counters().Dropped["unknown_id"] == 1 })
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 10*time.Second, time.Millisecond)
}

// TestAnswersTwiceAndOutOfOrder walks a table of an agent that answers two requests in the other order, each twice.
func TestAnswersTwiceAndOutOfOrder(t *testing.T) {
	t.Parallel()
	var held *agenttest.Request
	swapped := 0
	e, s, target := hostile(t, func(s *agenttest.Server, r *agenttest.Request) {
		if held == nil && r.Number > 1 {
			held = r
			return
		}
		for range 2 {
			s.Reply(r)
			if held != nil {
				s.Reply(held)
				swapped++
			}
		}
		held = nil
	})
	for range 3 {
		result := e.Do(context.Background(), public(target), &engine.Request{Columns: columns(3)})
		require.NoError(t, result.Err)
		for i := range 3 {
			assert.Equal(t, 48, result.Columns[i].Len())
		}
	}
	eventually(t, func() bool { return e.Counters().Dropped["unknown_id"] > 0 })
	s.Lock()
	defer s.Unlock()
	assert.Positive(t, swapped, "two requests were under way")
}

// TestDroppedPackets has packets that are no answer. The real answer never comes: the error says what did.
func TestDroppedPackets(t *testing.T) {
	t.Parallel()
	stranger := other(t)
	corrupt := func(s *agenttest.Server, r *agenttest.Request) []byte {
		packet := s.Packet(r, s.Answer(r))
		packet[len(packet)-1] ^= 1
		return packet
	}
	changed := func(change agenttest.Change) func(s *agenttest.Server, r *agenttest.Request) {
		return func(s *agenttest.Server, r *agenttest.Request) { s.Send(s.Packet(r, s.Answer(r), change), r.From) }
	}
	sends := func(make func(s *agenttest.Server, r *agenttest.Request) []byte) func(s *agenttest.Server, r *agenttest.Request) {
		return func(s *agenttest.Server, r *agenttest.Request) { s.Send(make(s, r), r.From) }
	}
	wrongKeys := agenttest.User(t, "u", usm.SHA256, usm.AES256).Keys([]byte("x"))
	for name, c := range map[string]struct {
		v3      bool
		respond func(s *agenttest.Server, r *agenttest.Request)
		counter string
		want    string
	}{
		"another address": {false, func(s *agenttest.Server, r *agenttest.Request) {
			_, _ = stranger.WriteToUDPAddrPort(s.Packet(r, s.Answer(r)), r.From)
		}, "source", "came from " + stranger.LocalAddr().String() + ": set any_source if that is the same device"},
		"another ID": {false, func(s *agenttest.Server, r *agenttest.Request) {
			p := s.Answer(r)
			p.ID++
			s.Send(s.Packet(r, p), r.From)
		}, "unknown_id", "has an ID that nothing waits for: it is late, came twice, or is forged"},
		"another community": {false, func(s *agenttest.Server, r *agenttest.Request) {
			r.Community = []byte("private")
			s.Reply(r)
		}, "community", "has another community"},
		"another version": {false, func(s *agenttest.Server, r *agenttest.Request) {
			r.Version = message.V1
			s.Reply(r)
		}, "version", "is of another version"},
		"a request": {false, func(s *agenttest.Server, r *agenttest.Request) { s.Send(r.Packet, r.From) }, "no_response", "is no response"},
		"truncated": {false, sends(func(s *agenttest.Server, r *agenttest.Request) []byte {
			packet := s.Packet(r, s.Answer(r))
			return packet[:len(packet)-1]
		}), "malformed", "is no message of SNMP"},
		"garbage":     {false, sends(func(*agenttest.Server, *agenttest.Request) []byte { return []byte("\xffHello") }), "malformed", "is no message of SNMP"},
		"empty":       {false, sends(func(*agenttest.Server, *agenttest.Request) []byte { return nil }), "malformed", "is no message of SNMP"},
		"too much":    {false, sends(func(s *agenttest.Server, r *agenttest.Request) []byte { return append(s.Packet(r, s.Answer(r)), 0) }), "malformed", "is no message of SNMP"},
		"version 2c":  {true, changedVersion, "unknown_id", "has an ID that nothing waits for: it is late, came twice, or is forged"},
		"wrong HMAC":  {true, sends(corrupt), "hmac", "has a wrong authentication code (HMAC): the passphrase may be wrong, or the answer is forged"},
		"other keys":  {true, changed(func(_ *message.Security, k **usm.Keys) { *k = wrongKeys }), "hmac", "has a wrong authentication code (HMAC): the passphrase may be wrong, or the answer is forged"},
		"no HMAC":     {true, changed(func(_ *message.Security, k **usm.Keys) { *k = nil }), "level", "is not authenticated and encrypted as the request was"},
		"unencrypted": {true, changed(func(_ *message.Security, k **usm.Keys) { c := **k; c.Priv = usm.NoPriv; *k = &c }), "level", "is not authenticated and encrypted as the request was"},
		"other engine": {
			true, changed(func(s *message.Security, _ **usm.Keys) { s.EngineID = []byte("\x80\x00\x1f\x88\x04other") }),
			"engine", "is from another engine",
		},
		"other user": {true, changed(func(s *message.Security, _ **usm.Keys) { s.User = []byte("v") }), "user", "is for another user"},
		"replay": {
			true, changed(func(s *message.Security, _ **usm.Keys) { s.Time -= 200 }),
			"time_window", "is older than 150 seconds by its boots and time: it is a replay",
		},
		"replay from before a reboot": {
			true, changed(func(s *message.Security, _ **usm.Keys) { s.Boots-- }),
			"time_window", "is older than 150 seconds by its boots and time: it is a replay",
		},
		"last boots": {
			true, changed(func(s *message.Security, _ **usm.Keys) { s.Boots = 1<<31 - 1 }),
			"time_window", "is older than 150 seconds by its boots and time: it is a replay",
		},
		"report without HMAC": {
			true, func(s *agenttest.Server, r *agenttest.Request) { s.Report(r, "1.3.6.1.6.3.15.1.1.2.0", nil) },
			"report", "is a report that cannot be trusted",
		},
		"other encryption": {true, changed(func(_ *message.Security, k **usm.Keys) {
			c := agenttest.User(t, "u", usm.SHA1, usm.AES256).Keys([]byte("\x80\x00\x1f\x88\x04test"))
			*k = c
		}), "decryption", "cannot be decrypted: the passphrase for encryption may be wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _, target := hostile(t, c.respond)
			if public(target); c.v3 {
				v3(target)
			}
			result := e.Do(context.Background(), target, scalar)
			require.ErrorIs(t, result.Err, engine.ErrTimeout)
			assert.Regexp(t, `^r1 \(127\.0\.0\.1:\d+\): no answer in [\d.]+m?s \(2 tries\); (a packet was dropped, which|\d packets were dropped, the last of which) `, result.Err.Error())
			assert.Contains(t, result.Err.Error(), c.want)
			assert.Positive(t, e.Counters().Dropped[c.counter])
		})
	}
}

func changedVersion(s *agenttest.Server, r *agenttest.Request) {
	p := s.Answer(r)
	r.Version, r.Community = message.V2c, []byte("public")
	p.ID++
	s.Send(s.Packet(r, p), r.From)
}

// TestAnySource takes the answer from another address where that is allowed.
func TestAnySource(t *testing.T) {
	stranger := other(t)
	e, _, target := hostile(t, func(s *agenttest.Server, r *agenttest.Request) {
		_, _ = stranger.WriteToUDPAddrPort(s.Packet(r, s.Answer(r)), r.From)
	})
	public(target).AnySource = true
	require.NoError(t, e.Do(context.Background(), target, scalar).Err)
}

// TestRefusals has the reports by which agents of version 3 refuse, each with its message, at once and without retries.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(c *engine.Credentials)
		respond func(s *agenttest.Server, r *agenttest.Request)
		want    string
	}{
		"user":            {func(c *engine.Credentials) { c.User = "nobody" }, nil, "the device does not know the user (usmStatsUnknownUserNames)"},
		"passphrase":      {func(c *engine.Credentials) { c.AuthPassphrase = "wrong passphrase" }, nil, "the passphrase or the protocol for authentication is wrong (usmStatsWrongDigests)"},
		"protocol":        {func(c *engine.Credentials) { c.Auth = usm.MD5 }, nil, "the passphrase or the protocol for authentication is wrong (usmStatsWrongDigests)"},
		"encryption":      {func(c *engine.Credentials) { c.PrivPassphrase = "wrong passphrase" }, nil, "the passphrase or the protocol for encryption is wrong (usmStatsDecryptionErrors)"},
		"level":           {func(c *engine.Credentials) { c.Priv = usm.NoPriv }, nil, "the device does not let the user ask at this level of security (usmStatsUnsupportedSecLevels): its authentication or encryption is another"},
		"context":         {nil, func(s *agenttest.Server, r *agenttest.Request) { s.Report(r, "1.3.6.1.6.3.12.1.5.0", nil) }, "the device does not know the context (snmpUnknownContexts)"},
		"some report":     {nil, func(s *agenttest.Server, r *agenttest.Request) { s.Report(r, "1.3.6.1.9.9.0", nil) }, "a report of 1.3.6.1.9.9.0"},
		"always time":     {nil, alwaysOutsideOfTime, "the device does not take its own time (usmStatsNotInTimeWindows)"},
		"always engine":   {nil, func(s *agenttest.Server, r *agenttest.Request) { s.Report(r, "1.3.6.1.6.3.15.1.1.4.0", nil) }, "the device does not know its own engine (usmStatsUnknownEngineIDs)"},
		"no user given":   {func(c *engine.Credentials) { c.User = "" }, nil, "version 3 of SNMP needs a user"},
		"short passwords": {func(c *engine.Credentials) { c.AuthPassphrase = "short" }, nil, "the passphrase for authentication has 5 bytes, at least 8 are needed"},
	} {
		t.Run(name, func(t *testing.T) {
			e, s, target := hostile(t, c.respond)
			target.Timeout = time.Hour
			if v3(target); c.change != nil {
				c.change(&target.Credentials)
			}
			result := e.Do(context.Background(), target, scalar)
			require.Error(t, result.Err)
			assert.Contains(t, result.Err.Error(), c.want)
			assert.NotContains(t, result.Err.Error(), "wrong passphrase")
			assert.LessOrEqual(t, s.Requests(), 5)
		})
	}
}

func alwaysOutsideOfTime(s *agenttest.Server, r *agenttest.Request) {
	list, _ := ber.AppendVarBind(nil, ber.Variable{Name: ber.MustOID("1.3.6.1.6.3.15.1.1.2.0"), Value: ber.NumberValue(ber.Counter32, 1)})
	s.Send(s.Packet(r, message.PDU{Type: message.Report, Variables: list}, func(_ *message.Security, k **usm.Keys) {
		c := **k
		c.Priv = usm.NoPriv
		*k = &c
	}), r.From)
}

// TestEngineChanges reboots an agent, sets its time, and replaces it by another: none of it is an error.
func TestEngineChanges(t *testing.T) {
	e, s, target := hostile(t, nil)
	v3(target).Timeout = time.Hour
	ask := func() int {
		result := e.Do(context.Background(), target, &engine.Request{Columns: columns(3), Get: scalar.Get})
		require.NoError(t, result.Err)
		assert.Equal(t, 48, result.Columns[2].Len())
		return result.Stats.Sent
	}
	ask() // finds out the engine, and the length of the table
	usual := ask()
	known, found := e.Device(netip.MustParseAddrPort(s.Address()))
	assert.True(t, found)
	assert.Equal(t, engine.Device{RTT: known.RTT, AnswerSize: 1400, Columns: 3, EngineID: s.EngineID, Boots: 7, Time: known.Time}, known)
	change := func(what func()) {
		s.Lock()
		defer s.Unlock()
		what()
	}
	change(func() { s.Boots, s.Time = 8, 3 })
	assert.Equal(t, usual+1, ask(), "a report tells the new boots")
	change(func() { s.Time = 1000 })
	assert.Equal(t, usual+1, ask(), "a report tells the new time")
	change(func() { s.EngineID, s.Boots, s.Time = []byte("\x80\x00\x1f\x88\x04replaced"), 1, 1; s.Forget() })
	assert.Equal(t, usual+1, ask(), "a report tells the new engine")
	assert.Equal(t, usual, ask())
	// An engine that goes back in time looks like a replay. It is found out when nothing else works.
	change(func() { s.Time = 1; s.Boots = 0 })
	target.Timeout = 20 * time.Millisecond
	result := e.Do(context.Background(), target, scalar)
	require.ErrorIs(t, result.Err, engine.ErrTimeout)
	target.Timeout = time.Hour
	ask()
}

// TestCommunityIsNeverTold looks for secrets in errors.
func TestCommunityIsNeverTold(t *testing.T) {
	c := engine.Credentials{Community: "s3cret", User: "u", AuthPassphrase: "s3cret", PrivPassphrase: "s3cret"}
	target := &engine.Target{Address: "127.0.0.1", Credentials: c}
	for _, text := range []string{fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), target.Credentials.Community.String(), fmt.Sprintf("%q", c), fmt.Sprintf("%x", c), fmt.Sprintf("%+v", *target)} {
		assert.NotContains(t, text, "s3cret")
		assert.NotContains(t, text, "733363726574")
	}
}
