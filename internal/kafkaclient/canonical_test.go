package kafkaclient

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"golang.org/x/net/dns/dnsmessage"
)

// A record of the names of a DNS server: an address of a name, or the name of an address.
type record struct {
	name string
	body dnsmessage.ResourceBody
}

func addressOf(name string, address [4]byte) record {
	return record{name, &dnsmessage.AResource{A: address}}
}

// loopback is an address of this machine that /etc/hosts does not name.
func loopback(last byte) [4]byte { return [4]byte{127, 9, 8, last} }

func nameOf(last, name string) record {
	return record{last + ".8.9.127.in-addr.arpa.", &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(name)}}
}

// serveNames runs a DNS server on the loopback, and lets the program ask it.
func serveNames(t *testing.T, records ...record) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		question := make([]byte, 4096)
		for {
			n, from, err := server.ReadFrom(question)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if answer := answerTo(question[:n], records); answer != nil {
				_, _ = server.WriteTo(answer, from)
			}
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = server.Close()
		<-done
	})
}

// answerTo is nil for what is no question.
func answerTo(text []byte, records []record) []byte {
	var m dnsmessage.Message
	if m.Unpack(text) != nil || len(m.Questions) != 1 {
		return nil
	}
	asked, known := m.Questions[0], false
	m.Response, m.Authoritative, m.Answers, m.Additionals = true, true, nil, nil
	for _, r := range records {
		if r.name != asked.Name.String() {
			continue
		}
		known = true
		header := dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET, TTL: 1}
		switch r.body.(type) {
		case *dnsmessage.AResource:
			header.Type = dnsmessage.TypeA
		case *dnsmessage.PTRResource:
			header.Type = dnsmessage.TypePTR
		}
		if header.Type == asked.Type {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: r.body})
		}
	}
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	answer, err := m.Pack()
	if err != nil {
		return nil
	}
	return answer
}

// One name for all brokers, as a company has it, becomes the names that the brokers have themselves. It changes
// net.DefaultResolver, so nothing else may run beside it.
func TestCanonicalNames(t *testing.T) {
	serveNames(t,
		addressOf("kafka.example.", loopback(1)), addressOf("kafka.example.", loopback(2)), addressOf("kafka.example.", loopback(3)), addressOf("other.example.", loopback(1)),
		nameOf("1", "broker1.example."), nameOf("2", "broker2.example."),
		addressOf("broker1.example.", loopback(1)), addressOf("broker2.example.", loopback(2)))
	c := configure(t, "resolve_canonical_bootstrap_servers_only: true")
	for _, test := range []struct{ brokers, want []string }{
		{[]string{"kafka.example:9093"}, []string{"127.9.8.3:9093", "broker1.example:9093", "broker2.example:9093"}},
		{[]string{"kafka.example", "other.example"}, []string{"127.9.8.3:9092", "broker1.example:9092", "broker2.example:9092"}},
		{[]string{"nobody.example:1", "other.example:2"}, []string{"broker1.example:2"}},
	} {
		c.Brokers = test.brokers
		assert.ElementsMatch(t, test.want, connect(t, c, nil).OptValue(kgo.SeedBrokers))
	}

	c.Brokers = []string{"nobody.example:1", "no one:2"}
	_, err := Options(t.Context(), c, nil, zap.NewNop())
	require.ErrorContains(t, err, `resolve_canonical_bootstrap_servers_only: no broker of ["nobody.example:1" "no one:2"] is found: `)
	require.ErrorContains(t, err, "nobody.example")
}

// The client connects by the names that were found.
func TestConnectionByCanonicalNames(t *testing.T) {
	cluster := newCluster(t)
	_, port, err := net.SplitHostPort(cluster.ListenAddrs()[0])
	require.NoError(t, err)
	serveNames(t, addressOf("kafka.example.", loopback(1)), nameOf("1", "broker1.example."),
		addressOf("broker1.example.", [4]byte{127, 0, 0, 1}))
	c := configure(t, "{brokers: ['kafka.example:"+port+"'], resolve_canonical_bootstrap_servers_only: true}")
	client := connect(t, c, nil)
	assert.Equal(t, []string{"broker1.example:" + port}, client.OptValue(kgo.SeedBrokers))
	require.NoError(t, client.Ping(t.Context()))
}
