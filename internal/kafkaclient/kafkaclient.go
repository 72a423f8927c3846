// Package kafkaclient turns configkafka's settings of a connection into franz-go's, for all components that talk to Kafka.
package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.uber.org/zap"
)

// SASLMechanisms are the mechanisms of auth::sasl that need nothing but a user and a password.
var SASLMechanisms = []string{saslPlain, saslSHA256, saslSHA512}

const (
	saslPlain  = "PLAIN"
	saslSHA256 = "SCRAM-SHA-256"
	saslSHA512 = "SCRAM-SHA-512"
)

// Options returns the options of a connection. ctx is for reading TLS files only. The client connects when it is used,
// so no broker need be up. What it logs is for those who debug: its owner tells what an operator must know.
func Options(ctx context.Context, c *configkafka.ClientConfig, logger *zap.Logger) ([]kgo.Opt, error) {
	opts := append(connectionOptions(c), kgo.WithLogger(clientLogger{logger.Named("kafka")}))
	tls := c.TLS
	if tls == nil {
		tls = c.Authentication.TLS
	}
	if tls == nil {
		return opts, nil
	}
	t, err := tls.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load tls: %w", err)
	}
	if t != nil {
		opts = append(opts, kgo.DialTLSConfig(t))
	}
	return opts, nil
}

func connectionOptions(c *configkafka.ClientConfig) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.Rack(c.RackID),
		kgo.ConnIdleTimeout(c.ConnIdleTimeout),
		kgo.MetadataMaxAge(c.Metadata.RefreshInterval),
		kgo.MetadataMinAge(c.Metadata.Retry.Backoff),
		// Some brokers say that they take a client's metrics and then do not.
		kgo.DisableClientMetrics(),
	}
	if v := kversion.FromString(c.ProtocolVersion); v != nil {
		opts = append(opts, kgo.MinVersions(v), kgo.MaxVersions(v))
	}
	if m := saslMechanism(&c.Authentication); m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	return opts
}

func saslMechanism(a *configkafka.AuthenticationConfig) sasl.Mechanism {
	if p := a.PlainText; p != nil {
		return plain.Auth{User: p.Username, Pass: p.Password}.AsMechanism()
	}
	s := a.SASL
	if s == nil {
		return nil
	}
	switch s.Mechanism {
	case saslSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()
	case saslSHA512:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()
	default: // Validate lets no other through.
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()
	}
}

// Unsupported names the settings of a connection that would have no effect, or the wrong one.
func Unsupported(c *configkafka.ClientConfig) []error {
	var errs []error
	refuse := func(refused bool, reason string) {
		if refused {
			errs = append(errs, errors.New(reason))
		}
	}
	auth := c.Authentication
	refuse(auth.Kerberos != nil, "auth::kerberos is not supported: use auth::sasl with user and password")
	refuse(auth.PlainText != nil && auth.SASL != nil, "auth::plain_text and auth::sasl exclude each other: remove auth::plain_text")
	refuse(auth.TLS != nil && c.TLS != nil, "auth::tls and tls exclude each other: remove auth::tls")
	if p := auth.PlainText; p != nil {
		refuse(p.Username == "", "auth::plain_text::username is required")
		refuse(p.Password == "", "auth::plain_text::password is required")
	}
	if s := auth.SASL; s != nil {
		// configkafka itself names the mechanisms that nobody knows.
		refuse(s.Mechanism == "AWS_MSK_IAM_OAUTHBEARER" || s.Mechanism == "OAUTHBEARER",
			fmt.Sprintf("auth::sasl::mechanism %q is not supported: expected one of %q", s.Mechanism, SASLMechanisms))
		plain := slices.Contains(SASLMechanisms, s.Mechanism)
		refuse(s.Version != 0, "auth::sasl::version has no effect: it is negotiated; remove it")
		refuse(plain && s.AWSMSK.Region != "", "auth::sasl::aws_msk has no effect with this mechanism: remove it")
		refuse(plain && s.OAuthBearerTokenSource.String() != "",
			"auth::sasl::oauthbearer_token_source has no effect with this mechanism: remove it")
	}
	refuse(c.ResolveCanonicalBootstrapServersOnly, "resolve_canonical_bootstrap_servers_only is not supported: remove it")
	return errs
}

// clientLogger brings franz-go's log into the Collector's. Its owner tells what an operator must know, once;
// the client tells each try, so all of it is for those who debug.
type clientLogger struct{ logger *zap.Logger }

// Level implements kgo.Logger.
func (l clientLogger) Level() kgo.LogLevel {
	if l.logger.Core().Enabled(zap.DebugLevel) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

// Log implements kgo.Logger. keyvals alternate between names and values.
func (l clientLogger) Log(_ kgo.LogLevel, msg string, keyvals ...any) {
	fields := make([]zap.Field, 0, len(keyvals)/2)
	for i := 0; i+1 < len(keyvals); i += 2 {
		fields = append(fields, zap.Any(fmt.Sprint(keyvals[i]), keyvals[i+1]))
	}
	l.logger.Debug(msg, fields...)
}
