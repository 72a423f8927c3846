package panoptesjsonexporter

import (
	"errors"
	"fmt"
	"slices"
)

// saslMechanisms are the mechanisms of auth::sasl that need nothing but a user and a password.
var saslMechanisms = []string{saslPlain, saslSHA256, saslSHA512}

const (
	saslPlain  = "PLAIN"
	saslSHA256 = "SCRAM-SHA-256"
	saslSHA512 = "SCRAM-SHA-512"
)

// unsupported names the settings of the shared blocks that would have no effect, or the wrong one.
func (c *Config) unsupported() []error {
	var errs []error
	refuse := func(refused bool, reason string) {
		if refused {
			errs = append(errs, errors.New(reason))
		}
	}
	if c.Queue.HasValue() && c.Queue.Get().Batch.HasValue() {
		n := c.Queue.Get().Batch.Get().MaxSize
		refuse(n > 0, fmt.Sprintf("sending_queue::batch::max_size (%d) cannot be used: it cuts metrics groups apart; "+
			"min_size and flush_timeout bound a batch without", n))
	}
	auth := c.Client.Authentication
	refuse(auth.Kerberos != nil, "auth::kerberos is not supported: use auth::sasl with user and password")
	refuse(auth.PlainText != nil && auth.SASL != nil, "auth::plain_text and auth::sasl exclude each other: remove auth::plain_text")
	refuse(auth.TLS != nil && c.Client.TLS != nil, "auth::tls and tls exclude each other: remove auth::tls")
	if p := auth.PlainText; p != nil {
		refuse(p.Username == "", "auth::plain_text::username is required")
		refuse(p.Password == "", "auth::plain_text::password is required")
	}
	if s := auth.SASL; s != nil {
		// configkafka itself names the mechanisms that nobody knows.
		refuse(s.Mechanism == "AWS_MSK_IAM_OAUTHBEARER" || s.Mechanism == "OAUTHBEARER",
			fmt.Sprintf("auth::sasl::mechanism %q is not supported: expected one of %q", s.Mechanism, saslMechanisms))
		plain := slices.Contains(saslMechanisms, s.Mechanism)
		refuse(s.Version != 0, "auth::sasl::version has no effect: it is negotiated; remove it")
		refuse(plain && s.AWSMSK.Region != "", "auth::sasl::aws_msk has no effect with this mechanism: remove it")
		refuse(plain && s.OAuthBearerTokenSource.String() != "",
			"auth::sasl::oauthbearer_token_source has no effect with this mechanism: remove it")
	}
	refuse(c.Client.ResolveCanonicalBootstrapServersOnly, "resolve_canonical_bootstrap_servers_only is not supported: remove it")
	refuse(!c.Client.UseLeaderEpoch, "use_leader_epoch has no effect: it concerns consumers; remove it")
	refuse(c.Client.Metadata.Full, "metadata::full is not supported: only the metadata of topics in use are fetched; remove it")
	return errs
}
