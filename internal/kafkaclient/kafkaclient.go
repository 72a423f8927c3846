// Package kafkaclient turns configkafka's settings of a connection into franz-go's, for all components that talk to Kafka.
package kafkaclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/tlsfiles"
)

// Options returns the options of a connection. ctx is for reading TLS files and for asking the DNS for canonical names. host
// has the extension that auth::sasl::oauthbearer_token_source names; it may be nil where that is not set. The client
// connects when it is used, so no broker need be up. What it logs is for those who debug: its owner tells what an operator
// must know.
func Options(ctx context.Context, c *configkafka.ClientConfig, host component.Host, logger *zap.Logger) ([]kgo.Opt, error) {
	opts := append(connectionOptions(c), kgo.WithLogger(clientLogger{logger.Named("kafka")}))
	mechanism, err := saslMechanism(ctx, &c.Authentication, host)
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	t, err := tlsConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("load tls: %w", err)
	}
	if t != nil {
		opts = append(opts, kgo.DialTLSConfig(t))
	}
	if c.ResolveCanonicalBootstrapServersOnly {
		brokers, err := canonical(ctx, c.Brokers)
		if err != nil {
			return nil, fmt.Errorf("resolve_canonical_bootstrap_servers_only: %w", err)
		}
		opts = append(opts, kgo.SeedBrokers(brokers...))
	}
	return opts, nil
}

// tlsConfig is nil where connections are not encrypted.
func tlsConfig(ctx context.Context, c *configkafka.ClientConfig) (*tls.Config, error) {
	settings := c.TLS
	if settings == nil {
		settings = c.Authentication.TLS
	}
	if settings == nil {
		// Amazon's brokers take this mechanism on encrypted connections alone.
		if s := c.Authentication.SASL; s != nil && s.Mechanism == saslAWS {
			return &tls.Config{MinVersion: tls.VersionTLS12}, nil
		}
		return nil, nil
	}
	loaded, err := tlsfiles.Client(ctx, *settings)
	if err != nil {
		return nil, err
	}
	return loaded.LoadTLSConfig(ctx)
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
	return opts
}

// Unsupported names the settings of a connection that would have no effect, or the wrong one. use_leader_epoch and
// metadata::full, which a block of the stock components may have, are taken as they do no harm: the one concerns
// consumers in groups, and of topics only those in use are looked at whatever the other says.
func Unsupported(c *configkafka.ClientConfig) []error {
	var errs []error
	refuse := func(refused bool, reason string) {
		if refused {
			errs = append(errs, errors.New(reason))
		}
	}
	auth := c.Authentication
	refuse(auth.PlainText != nil && auth.SASL != nil, "auth::plain_text and auth::sasl exclude each other: remove auth::plain_text")
	refuse(auth.Kerberos != nil && auth.SASL != nil, "auth::kerberos and auth::sasl exclude each other: remove one of them")
	refuse(auth.Kerberos != nil && auth.PlainText != nil, "auth::kerberos and auth::plain_text exclude each other: remove one of them")
	refuse(auth.TLS != nil && c.TLS != nil, "auth::tls and tls exclude each other: remove auth::tls")
	if p := auth.PlainText; p != nil {
		refuse(p.Username == "", "auth::plain_text::username is required")
		refuse(p.Password == "", "auth::plain_text::password is required")
	}
	if k := auth.Kerberos; k != nil {
		refuse(k.ServiceName == "", "auth::kerberos::service_name is required: mostly it is kafka")
		refuse(k.Username == "", "auth::kerberos::username is required")
		refuse(k.UseKeyTab && k.KeyTabPath == "", "auth::kerberos::keytab_file is required with use_keytab")
		refuse(k.KeyTabPath == "" && k.Password == "", "auth::kerberos needs keytab_file or password")
		refuse(k.KeyTabPath != "" && k.Password != "", "auth::kerberos::password has no effect with keytab_file: remove it")
	}
	if s := auth.SASL; s != nil {
		// configkafka itself names the mechanisms that nobody knows, and a user and a password that are not there.
		oauth, aws := s.Mechanism == saslOAuth, s.Mechanism == saslAWS
		refuse(s.Version != 0, "auth::sasl::version has no effect: it is negotiated; remove it")
		refuse(aws && s.AWSMSK.Region == "", "auth::sasl::aws_msk::region is required with "+saslAWS)
		refuse(!aws && s.AWSMSK.Region != "", "auth::sasl::aws_msk has no effect with this mechanism: remove it")
		refuse(!oauth && s.OAuthBearerTokenSource.String() != "",
			"auth::sasl::oauthbearer_token_source has no effect with this mechanism: remove it")
		refuse((oauth || aws) && s.Username+s.Password != "",
			"auth::sasl::username and password have no effect with this mechanism: remove them")
	}
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
