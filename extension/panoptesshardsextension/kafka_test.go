//go:build kafka

package panoptesshardsextension

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"
	logs "go.uber.org/zap/zaptest/observer"
)

// The tests of this file want a real Apache Kafka, with the variables that scripts/test-kafka sets.

// at configures a member of a group whose name, and whose topic's, is given, at the listener whose address is in a variable.
func at(t *testing.T, variable, name string, change func(*configkafka.ClientConfig)) func(*GroupConfig) {
	t.Helper()
	address := os.Getenv(variable)
	require.NotEmpty(t, address, "%s is not set: run this test with scripts/test-kafka", variable)
	return func(g *GroupConfig) {
		g.Name, g.Topic.Name, g.Client.Brokers = name, name, []string{address}
		g.SessionTimeout, g.RebalanceTimeout, g.Topic.ReplicationFactor = 6*time.Second, 6*time.Second, 1
		change(&g.Client)
	}
}

func unique(name string) string { return name + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) }

func withTLS(c *configkafka.ClientConfig) {
	c.TLS = &configtls.ClientConfig{Config: configtls.Config{CAFile: os.Getenv("KAFKA_CA")}}
}

func withUser(c *configkafka.ClientConfig, mechanism, user, password string) {
	c.Authentication.SASL = &configkafka.SASLConfig{Mechanism: mechanism, Username: user, Password: password}
}

// Members share through listeners that encrypt and want a login.
func TestKafkaSecurity(t *testing.T) {
	for name, l := range map[string]struct {
		variable string
		change   func(*configkafka.ClientConfig)
	}{
		"TLS": {"KAFKA_TLS_BOOTSTRAP", withTLS},
		"client certificate": {"KAFKA_TLS_BOOTSTRAP", func(c *configkafka.ClientConfig) {
			withTLS(c)
			c.TLS.CertFile, c.TLS.KeyFile = os.Getenv("KAFKA_CLIENT_CERT"), os.Getenv("KAFKA_CLIENT_KEY")
		}},
		"PLAIN": {"KAFKA_SASL_BOOTSTRAP", func(c *configkafka.ClientConfig) {
			withUser(c, "PLAIN", os.Getenv("KAFKA_USER"), os.Getenv("KAFKA_PASSWORD"))
		}},
		"SCRAM over TLS": {"KAFKA_SASL_TLS_BOOTSTRAP", func(c *configkafka.ClientConfig) {
			withTLS(c)
			withUser(c, "SCRAM-SHA-512", os.Getenv("KAFKA_USER"), os.Getenv("KAFKA_PASSWORD"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener := at(t, l.variable, unique("secure"), l.change)
			a, _ := grouped(t, componenttest.NewNopTelemetrySettings(), listener)
			require.NoError(t, a.Ready())
			eventually(t, "all are owned", func() bool { return a.member.Owned() == 16 })
			b, _ := grouped(t, componenttest.NewNopTelemetrySettings(), listener)
			require.NoError(t, b.Ready())
			eventually(t, "both own half", func() bool { return a.member.Owned() == 8 && b.member.Owned() == 8 })
			require.NoError(t, a.NotReady())
			eventually(t, "one owns all", func() bool { return b.member.Owned() == 16 })
		})
	}
}

// A member whose user lacks rights owns nothing and says what is missing. It goes on by itself when it has them.
func TestKafkaRights(t *testing.T) {
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv("KAFKA_BOOTSTRAP")))
	require.NoError(t, err)
	defer client.Close()
	admin, user := kadm.NewClient(client), unique("rights")
	_, err = admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: user, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret"}})
	require.NoError(t, err)
	allow := func(acl *kadm.ACLBuilder) {
		made, err := admin.CreateACLs(t.Context(), acl.Allow("User:"+user).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral))
		require.NoError(t, err)
		for _, one := range made {
			require.NoError(t, one.Err)
		}
	}
	core, logged := logs.New(zap.ErrorLevel)
	set := componenttest.NewNopTelemetrySettings()
	set.Logger = zap.New(core)
	e, host := grouped(t, set, at(t, "KAFKA_SASL_BOOTSTRAP", user, func(c *configkafka.ClientConfig) { withUser(c, "SCRAM-SHA-256", user, "secret") }))
	require.NoError(t, e.Ready())
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(logged.All())
		}
	})
	says := func(text string) {
		eventually(t, text, func() bool {
			for _, line := range logged.FilterMessage("No shards can be owned").All() {
				if strings.Contains(fmt.Sprint(line.ContextMap()["error"]), text) {
					return true
				}
			}
			return false
		})
		assert.Equal(t, componentstatus.StatusRecoverableError, host.now())
		assert.Zero(t, e.member.Owned())
	}
	says("let the user read, write and describe the topic")
	allow(kadm.NewACLs().Topics(user).Operations(kadm.OpCreate, kadm.OpDescribe, kadm.OpRead, kadm.OpWrite))
	says("let the user read the group")
	allow(kadm.NewACLs().Groups(user).Operations(kadm.OpRead))
	eventually(t, "all are owned", func() bool { return e.member.Owned() == 16 })
	eventually(t, "the status is good", func() bool { return host.now() == componentstatus.StatusOK })
}
