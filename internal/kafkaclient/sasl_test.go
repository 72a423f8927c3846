package kafkaclient

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
	"golang.org/x/oauth2"
)

// configure returns a connection as a text of YAML has it.
func configure(t *testing.T, text string) *configkafka.ClientConfig {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	c := configkafka.NewDefaultClientConfig()
	require.NoError(t, conf.Unmarshal(&c))
	require.NoError(t, confmap.Validate(&c))
	require.Empty(t, Unsupported(&c))
	return &c
}

// connect returns a client of a connection, which connects when it is used.
func connect(t *testing.T, c *configkafka.ClientConfig, host component.Host) *kgo.Client {
	t.Helper()
	opts, err := Options(t.Context(), c, host, zap.NewNop())
	require.NoError(t, err)
	client, err := kgo.NewClient(opts...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// mechanism is how a client logs in.
func mechanism(t *testing.T, client *kgo.Client) sasl.Mechanism {
	t.Helper()
	mechanisms, ok := client.OptValue(kgo.SASL).([]sasl.Mechanism)
	require.True(t, ok)
	require.Len(t, mechanisms, 1)
	return mechanisms[0]
}

type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

// tokens are what an extension gives, one after the other.
type tokens struct {
	component.StartFunc
	component.ShutdownFunc
	next []string
}

func (s *tokens) Token(context.Context) (*oauth2.Token, error) {
	if len(s.next) == 0 {
		return nil, errors.New("the server is down")
	}
	defer func() { s.next = s.next[1:] }()
	return &oauth2.Token{AccessToken: s.next[0]}, nil
}

var tokenSourceID = component.MustNewID("tokens")

// Each login has a token of its own, since tokens run out.
func TestTokensOfAnExtension(t *testing.T) {
	t.Parallel()
	c := configure(t, "auth: {sasl: {mechanism: OAUTHBEARER, oauthbearer_token_source: tokens}}")
	m := mechanism(t, connect(t, c, extensions{tokenSourceID: &tokens{next: []string{"first", "second"}}}))
	assert.Equal(t, "OAUTHBEARER", m.Name())
	for _, want := range []string{"first", "second"} {
		_, sent, err := m.Authenticate(t.Context(), "broker:9092")
		require.NoError(t, err)
		assert.Equal(t, "n,,\x01auth=Bearer "+want+"\x01\x01", string(sent))
	}
	_, _, err := m.Authenticate(t.Context(), "broker:9092")
	require.EqualError(t, err, "get a token: the server is down")
}

func TestExtensionsWithoutTokens(t *testing.T) {
	t.Parallel()
	c := configure(t, "auth: {sasl: {mechanism: OAUTHBEARER, oauthbearer_token_source: tokens}}")
	for want, host := range map[string]component.Host{
		`auth::sasl::oauthbearer_token_source: there is no extension "tokens": list it under service::extensions`: componenttest.NewNopHost(),
		`auth::sasl::oauthbearer_token_source: there is no extension "tokens"`:                                    nil,
		`auth::sasl::oauthbearer_token_source: extension "tokens" gives no tokens: expected one such as oauth2client`: extensions{
			tokenSourceID: struct {
				component.StartFunc
				component.ShutdownFunc
			}{},
		},
	} {
		_, err := Options(t.Context(), c, host, zap.NewNop())
		require.EqualError(t, err, want)
	}
}

// Brokers of Amazon take a signed request of IAM as the token, in the text that their documentation has. The connection is
// encrypted without being told.
func TestTokensSignedForAWS(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the secret one")
	t.Setenv("AWS_SESSION_TOKEN", "session")
	client := connect(t, configure(t, "auth: {sasl: {mechanism: AWS_MSK_IAM_OAUTHBEARER, aws_msk: {region: eu-west-1}}}"), nil)
	assert.NotNil(t, client.OptValue(kgo.DialTLSConfig))
	m := mechanism(t, client)
	assert.Equal(t, "OAUTHBEARER", m.Name())

	_, sent, err := m.Authenticate(t.Context(), "b-1.example.kafka.eu-west-1.amazonaws.com:9098")
	require.NoError(t, err)
	assert.NotContains(t, string(sent), "the secret one")
	token := string(sent[len("n,,\x01auth=Bearer ") : len(sent)-2])
	text, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	signed, err := url.Parse(string(text))
	require.NoError(t, err)
	query := signed.Query()
	assert.Equal(t, "https://kafka.eu-west-1.amazonaws.com/", signed.Scheme+"://"+signed.Host+signed.Path)
	assert.Equal(t, "kafka-cluster:Connect", query.Get("Action"))
	assert.Equal(t, "AWS4-HMAC-SHA256", query.Get("X-Amz-Algorithm"))
	assert.Regexp(t, `^AKIDEXAMPLE/\d{8}/eu-west-1/kafka-cluster/aws4_request$`, query.Get("X-Amz-Credential"))
	assert.Regexp(t, `^\d{8}T\d{6}Z$`, query.Get("X-Amz-Date"))
	assert.Equal(t, "900", query.Get("X-Amz-Expires"))
	assert.Equal(t, "session", query.Get("X-Amz-Security-Token"))
	assert.Equal(t, "host", query.Get("X-Amz-SignedHeaders"))
	assert.Regexp(t, `^[0-9a-f]{64}$`, query.Get("X-Amz-Signature"))
	assert.NotEmpty(t, query.Get("User-Agent"))
}

func TestCredentialsOfAWSAreMissing(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/credentials")
	t.Setenv("AWS_CONFIG_FILE", "/no/config")
	m := mechanism(t, connect(t, configure(t, "auth: {sasl: {mechanism: AWS_MSK_IAM_OAUTHBEARER, aws_msk: {region: eu-west-1}}}"), nil))
	_, _, err := m.Authenticate(t.Context(), "broker:9098")
	require.ErrorContains(t, err, "sign a token for AWS: ")
}
