package engine_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestVersions asks an agent in all versions, over both families and both kinds of sockets.
func TestVersions(t *testing.T) {
	for _, network := range []string{"udp4", "udp6"} {
		for _, plain := range []bool{false, true} {
			e := newEngine(t)
			if plain {
				e.UsePlainSockets()
			}
			s := agenttest.Start(t, network, &agenttest.Server{Source: table(t, 20, 3, 0, 20), Users: map[string]*usm.User{
				"plain":  agenttest.User(t, "plain", usm.NoAuth, usm.NoPriv),
				"sha":    agenttest.User(t, "sha", usm.SHA1, usm.NoPriv),
				"shaaes": agenttest.User(t, "shaaes", usm.SHA1, usm.AES128),
				"md5des": agenttest.User(t, "md5des", usm.MD5, usm.DES),
				"reeder": agenttest.User(t, "reeder", usm.SHA1, usm.AES256C),
				"best":   agenttest.User(t, "best", usm.SHA512, usm.AES256),
			}})
			for name, credentials := range map[string]engine.Credentials{
				"v1":     {Version: engine.V1, Community: "public"},
				"v2c":    {Community: "public"},
				"plain":  {Version: engine.V3, User: "plain"},
				"sha":    {Version: engine.V3, User: "sha", Auth: usm.SHA1, AuthPassphrase: "authentication"},
				"shaaes": {Version: engine.V3, User: "shaaes", Auth: usm.SHA1, AuthPassphrase: "authentication", Priv: usm.AES128, PrivPassphrase: "encryption", Context: "vlan-1"},
				"md5des": {Version: engine.V3, User: "md5des", Auth: usm.MD5, AuthPassphrase: "authentication", Priv: usm.DES, PrivPassphrase: "encryption"},
				"reeder": {Version: engine.V3, User: "reeder", Auth: usm.SHA1, AuthPassphrase: "authentication", Priv: usm.AES256C, PrivPassphrase: "encryption"},
				"best":   {Version: engine.V3, User: "best", Auth: usm.SHA512, AuthPassphrase: "authentication", Priv: usm.AES256, PrivPassphrase: "encryption"},
			} {
				t.Run(network+" "+name, func(t *testing.T) {
					target := &engine.Target{Name: "r1", Address: s.Address(), Credentials: credentials}
					for range 2 {
						result := e.Do(context.Background(), target, &engine.Request{
							Get:     []ber.OID{ber.MustOID("1.3.1.3.0"), ber.MustOID("1.3.1.2.0"), ber.MustOID("1.3.9.1.0")},
							Columns: columns(4),
						})
						require.NoError(t, result.Err)
						assert.Equal(t, "12345", result.Variables[0].Value.Text())
						assert.Equal(t, ber.NoSuchInstance, result.Variables[1].Value.Type())
						for i, length := range []int{20, 3, 0, 20} {
							assert.Equal(t, length, result.Columns[i].Len())
						}
						assert.Equal(t, "20=4020", lastOf(show(&result.Columns[3])))
						assert.Positive(t, result.Stats.RTT)
						t.Log(result.Stats)
					}
				})
			}
		}
	}
}

func lastOf(text string) string { return text[strings.LastIndexByte(text, ' ')+1:] }

func TestTimeOut(t *testing.T) {
	e := newEngine(t)
	s := agenttest.Start(t, "udp4", &agenttest.Server{Source: table(t, 1), Community: "other"})
	before := runtime.NumGoroutine()
	began := time.Now()
	result := e.Do(context.Background(), &engine.Target{Name: "r1", Address: s.Address(), Timeout: 20 * time.Millisecond, Retries: 2},
		&engine.Request{Get: []ber.OID{ber.MustOID("1.3.1.3.0")}, Columns: columns(3)})
	assert.GreaterOrEqual(t, time.Since(began), 60*time.Millisecond)
	require.ErrorIs(t, result.Err, engine.ErrTimeout)
	assert.Regexp(t, `^r1 \(127.0.0.1:\d+\): no answer in \d+ms \(3 tries\)$`, result.Err.Error())
	for i := range result.Columns {
		assert.ErrorIs(t, result.Columns[i].Err, engine.ErrTimeout)
	}
	assert.ErrorIs(t, result.Variables[0].Err, engine.ErrTimeout)
	assert.Equal(t, 3, result.Stats.Sent)
	assert.Equal(t, 2, result.Stats.Retries)
	// The socket has one, the condition another. A timer that just fired has one for a moment.
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 10*time.Second, time.Millisecond)
}
