//go:build kafka

package kafkaclient

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// environment is a variable that scripts/test-kafka sets.
func environment(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	require.NotEmpty(t, value, "%s is not set: run this test with scripts/test-kafka", name)
	return value
}

// unsigned is a token that a broker takes whose listener checks no signatures.
func unsigned(subject string, ends time.Time) string {
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return encode(`{"alg":"none"}`) + "." + encode(fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, subject, ends.Add(-time.Hour).Unix(), ends.Unix())) + "."
}

// roundTrip writes a message and reads it. The client's login may do everything.
func roundTrip(t *testing.T, client *kgo.Client) {
	t.Helper()
	topic := "login-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	_, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic)
	require.NoError(t, err)
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("a")}).FirstErr())
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}})
	records := client.PollFetches(t.Context()).Records()
	require.Len(t, records, 1)
	assert.Equal(t, "a", string(records[0].Value))
}

func TestKafkaTokens(t *testing.T) {
	for _, transport := range []string{
		"brokers: ['" + environment(t, "KAFKA_SASL_BOOTSTRAP") + "']",
		"{brokers: ['" + environment(t, "KAFKA_SASL_TLS_BOOTSTRAP") + "'], tls: {ca_file: '" + environment(t, "KAFKA_CA") + "'}}",
	} {
		c := configure(t, transport)
		c.Authentication = configure(t, "auth: {sasl: {mechanism: OAUTHBEARER, oauthbearer_token_source: tokens}}").Authentication
		token := unsigned("panoptes", time.Now().Add(time.Hour))
		roundTrip(t, connect(t, c, extensions{tokenSourceID: &tokens{next: []string{token, token, token, token, token, token}}}))

		late := unsigned("panoptes", time.Now().Add(-time.Hour))
		refused := connect(t, c, extensions{tokenSourceID: &tokens{next: []string{late}}})
		require.ErrorContains(t, refused.Ping(t.Context()), "the broker does not take the token: \"{\\\"status\\\":\\\"invalid_token\\\"")
	}
}

func TestKafkaKerberos(t *testing.T) {
	if os.Getenv("KAFKA_CLIENT_KEYTAB") == "" {
		require.Empty(t, os.Getenv("PANOPTES_REQUIRE_KDC"), "there is no Kerberos")
		t.Skip("there is no Kerberos: scripts/kdc says why")
	}
	keytab, realm := environment(t, "KAFKA_CLIENT_KEYTAB"), "realm: PANOPTES.TEST, config_file: '"+environment(t, "KRB5_CONFIG")+"'"
	for name, auth := range map[string]string{
		"keytab":                  "service_name: kafka, username: panoptes, use_keytab: true, keytab_file: '" + keytab + "', " + realm,
		"password":                "service_name: kafka, username: panoptes-password, password: panoptes-secret, " + realm,
		"settings of the machine": "service_name: kafka, username: panoptes, use_keytab: true, keytab_file: '" + keytab + "'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "password" {
				text := "{brokers: ['" + environment(t, "KAFKA_SASL_TLS_BOOTSTRAP") + "'], tls: {ca_file: '" + environment(t, "KAFKA_CA") + "'}, auth: {kerberos: {" + auth + "}}}"
				require.NoError(t, connect(t, configure(t, text), nil).Ping(t.Context()))
				return
			}
			// panoptes may do everything.
			roundTrip(t, connect(t, configure(t, "{brokers: ['"+environment(t, "KAFKA_SASL_BOOTSTRAP")+"'], auth: {kerberos: {"+auth+"}}}"), nil))
		})
	}
	wrong := connect(t, configure(t, "{brokers: ['"+environment(t, "KAFKA_SASL_BOOTSTRAP")+
		"'], auth: {kerberos: {service_name: kafka, username: panoptes-password, password: wrong, "+realm+"}}}"), nil)
	require.ErrorContains(t, wrong.Ping(t.Context()), "client password/keytab incorrect")
}
