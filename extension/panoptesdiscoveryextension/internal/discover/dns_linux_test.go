package discover

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	requireNamespaces = "PANOPTES_REQUIRE_NAMESPACES"
	insideNamespace   = "PANOPTES_TEST_DNS"
)

// TestDNS asks a server of its own. Prometheus reads /etc/resolv.conf and asks port 53, so the test runs itself again in a namespace
// where both are its own.
func TestDNS(t *testing.T) {
	if os.Getenv(insideNamespace) != "" {
		testDNS(t)
		return
	}
	if exec.Command("unshare", "--user", "--map-root-user", "--mount", "--net", "true").Run() != nil {
		if os.Getenv(requireNamespaces) != "" {
			t.Fatal("no user namespaces")
		}
		t.Skip("no user namespaces")
	}
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(resolv, []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), 0o600))
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c",
		`ip link set lo up && mount --bind "$1" /etc/resolv.conf && exec "$2" -test.run '^TestDNS$' -test.v`, "sh", resolv, os.Args[0])
	cmd.Env = append(os.Environ(), insideNamespace+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

func testDNS(t *testing.T) {
	var broken atomic.Bool
	socket, err := net.ListenPacket("udp", "127.0.0.1:53")
	require.NoError(t, err)
	server := &dns.Server{PacketConn: socket, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg)
		answer.SetReply(q)
		switch name := q.Question[0].Name; {
		case broken.Load():
			answer.Rcode = dns.RcodeServerFailure
		case name == "_snmp._udp.example.com.":
			for _, text := range []string{"0 0 161 sw1.example.com.", "0 0 1161 sw2.example.com."} {
				rr, err := dns.NewRR(name + " 60 IN SRV " + text)
				if err == nil {
					answer.Answer = append(answer.Answer, rr)
				}
			}
		default:
			answer.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(answer)
	})}
	go func() { _ = server.ActivateAndServe() }()
	defer func() { _ = server.Shutdown() }()
	s := start(t, `{dns_sd_configs: [{names: [_snmp._udp.example.com], refresh_interval: 100ms}]}`)
	s.targets("__address__ __meta_dns_srv_record_port", "sw1.example.com:161 161", "sw2.example.com:1161 1161")
	broken.Store(true)
	state := s.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.Contains(t, state.Err.Error(), `could not resolve "_snmp._udp.example.com"`)
	assert.Len(t, state.Targets, 2, "the last good list stays")
	broken.Store(false)
	s.until("it works again", func(state *State) bool { return state.Err == nil && len(state.Targets) == 2 })
}
