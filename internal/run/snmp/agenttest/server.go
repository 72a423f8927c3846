package agenttest

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// Source has the variables of an agent, as engine.Agent has them.
type Source interface {
	Answer(request *message.PDU, room []byte) message.PDU
}

// Server is an agent with a port. Its fields are set before Start, or under Lock.
type Server struct {
	sync.Mutex

	Source Source
	// Community is that of versions 1 and 2c; requests with another are not answered.
	Community string
	// Users are those of version 3 by name.
	Users map[string]*usm.User
	// EngineID, Boots and Time are those of version 3. Time stands still.
	EngineID    []byte
	Boots, Time int32
	// Respond answers a request in the place of Reply, if it is not nil. It is called under Lock, one request at a time.
	Respond func(r *Request)

	conn     *net.UDPConn
	coder    usm.Coder
	number   uint64
	requests int
	keys     map[string]*usm.Keys
}

// Request is a request that came.
type Request struct {
	*message.Message
	Packet []byte // as it came
	From   netip.AddrPort
	Number int // 1 for the first that the server got

	keys *usm.Keys
}

// Start starts a server for SNMP at a free port of a loopback address, "udp4" or "udp6", until the test ends.
func Start(t testing.TB, network string, s *Server) *Server {
	t.Helper()
	ip := net.IPv4(127, 0, 0, 1)
	if network == "udp6" {
		ip = net.IPv6loopback
	}
	conn, err := net.ListenUDP(network, &net.UDPAddr{IP: ip})
	if err != nil {
		t.Fatal(err)
	}
	s.conn = conn
	if s.Community == "" {
		s.Community = "public"
	}
	if s.EngineID == nil {
		s.EngineID = []byte("\x80\x00\x1f\x88\x04test")
	}
	s.keys = map[string]*usm.Keys{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return s
}

// Address is where the server is.
func (s *Server) Address() string { return s.conn.LocalAddr().String() }

// Forget drops what was made for the engine's ID, which may change then.
func (s *Server) Forget() { clear(s.keys) }

// Requests is how many requests came.
func (s *Server) Requests() int {
	s.Lock()
	defer s.Unlock()
	return s.requests
}

func (s *Server) serve() {
	buffer := make([]byte, 65536)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		packet := append([]byte(nil), buffer[:n]...)
		r := &Request{Message: &message.Message{}, Packet: packet, From: from}
		if r.Read(append([]byte(nil), packet...)) != nil {
			continue
		}
		s.Lock()
		s.requests++
		r.Number = s.requests
		if s.open(r) {
			if s.Respond != nil {
				s.Respond(r)
			} else {
				s.Reply(r)
			}
		}
		s.Unlock()
	}
}

// open checks a request. One that version 3 answers with a report is answered.
func (s *Server) open(r *Request) bool {
	if r.Version != message.V3 {
		return string(r.Community) == s.Community
	}
	if string(r.EngineID) != string(s.EngineID) {
		s.Report(r, "1.3.6.1.6.3.15.1.1.4.0", nil)
		return false
	}
	user := s.Users[string(r.User)]
	if user == nil {
		s.Report(r, "1.3.6.1.6.3.15.1.1.3.0", nil)
		return false
	}
	level := byte(0)
	if user.Auth != usm.NoAuth {
		level |= message.FlagAuth
	}
	if user.Priv != usm.NoPriv {
		level |= message.FlagPriv
	}
	if r.Flags&(message.FlagAuth|message.FlagPriv) != level {
		s.Report(r, "1.3.6.1.6.3.15.1.1.1.0", nil)
		return false
	}
	if s.keys[user.Name] == nil {
		s.keys[user.Name] = user.Keys(s.EngineID)
	}
	r.keys = s.keys[user.Name]
	switch err := r.Open(&s.coder, r.keys); {
	case errors.Is(err, usm.ErrMAC):
		s.Report(r, "1.3.6.1.6.3.15.1.1.5.0", nil)
	case err != nil:
		s.Report(r, "1.3.6.1.6.3.15.1.1.6.0", nil)
	case level != 0 && (r.Boots != s.Boots || max(r.Time-s.Time, s.Time-r.Time) > 150):
		authOnly := *r.keys
		authOnly.Priv = usm.NoPriv
		s.Report(r, "1.3.6.1.6.3.15.1.1.2.0", &authOnly)
	default:
		return true
	}
	return false
}

// Reply answers a request as it should be.
func (s *Server) Reply(r *Request) { s.Send(s.Packet(r, s.Answer(r)), r.From) }

// Answer is the response to a request.
func (s *Server) Answer(r *Request) message.PDU {
	p := s.Source.Answer(&r.PDU, nil)
	p.Type, p.ID = message.Response, r.PDU.ID
	if r.Version == message.V1 {
		return s.asVersion1(r, p)
	}
	return p
}

// asVersion1 turns exceptions into the error of version 1.
func (s *Server) asVersion1(r *Request, p message.PDU) message.PDU {
	index := int32(1)
	for list := p.Variables; len(list) > 0; index++ {
		v, rest, _ := ber.ReadVarBind(list)
		if t := ber.Type(v.Tag); t.Exception() || t == ber.Counter64 {
			return message.PDU{Type: message.Response, ID: p.ID, Status: message.NoSuchName, Index: index, Variables: r.PDU.Variables}
		}
		list = rest
	}
	return p
}

// Change changes how a message of version 3 is protected before it is made.
type Change func(security *message.Security, keys **usm.Keys)

// Packet makes the message with a response.
func (s *Server) Packet(r *Request, p message.PDU, changes ...Change) []byte {
	var b ber.Builder
	b.Raw(p.Variables)
	b.Head(ber.TagSequence, 0)
	if r.Version != message.V3 {
		message.WriteCommunity(&b, r.Version, string(r.Community), &p)
		return b.Bytes()
	}
	security := message.Security{
		ID: r.ID, MaxSize: 65507, EngineID: s.EngineID, Boots: s.Boots, Time: s.Time, User: r.User,
		ContextEngine: s.EngineID, Context: r.Context,
	}
	keys := r.keys
	for _, change := range changes {
		change(&security, &keys)
	}
	s.number++
	if err := security.Write(&b, &p, &s.coder, keys, s.number); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Report answers with a report of a counter, with keys that authenticate it or none.
func (s *Server) Report(r *Request, counter string, keys *usm.Keys) {
	list, _ := ber.AppendVarBind(nil, ber.Variable{Name: ber.MustOID(counter), Value: ber.NumberValue(ber.Counter32, 1)})
	p := message.PDU{Type: message.Report, Variables: list}
	s.Send(s.Packet(r, p, func(_ *message.Security, k **usm.Keys) { *k = keys }), r.From)
}

// Send sends a packet.
func (s *Server) Send(packet []byte, to netip.AddrPort) { _, _ = s.conn.WriteToUDPAddrPort(packet, to) }

// User makes a user, or fails the test.
func User(t testing.TB, name string, a usm.Auth, p usm.Priv) *usm.User {
	t.Helper()
	u, err := usm.NewUser(name, a, "authentication", p, "encryption")
	if err != nil {
		t.Fatal(err)
	}
	return u
}
