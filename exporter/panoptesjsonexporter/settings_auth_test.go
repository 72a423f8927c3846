package panoptesjsonexporter

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

func authSettings() map[string]func(*testing.T) {
	plain := func(t *testing.T, format, right, wrong string) {
		t.Helper()
		c := newCluster(t, append(withSuperuser("PLAIN"), kfake.SeedTopics(1, "dc1-processed"))...)
		delivers(t, c.ListenAddrs(), 1, setting(t, fmt.Sprintf(format, right)))
		waits(t, c.ListenAddrs(), setting(t, fmt.Sprintf(format, wrong)))
	}
	onTLS := func(t *testing.T, format string) {
		t.Helper()
		server, ca := newCertificate(t)
		c := newCluster(t, kfake.TLS(server), kfake.SeedTopics(1, "dc1-processed"))
		delivers(t, c.ListenAddrs(), 1, setting(t, fmt.Sprintf(format, "{ca_file: '"+ca+"'}")))
		waits(t, c.ListenAddrs(), setting(t, fmt.Sprintf(format, "{}"))) // an authority that nobody knows
		waits(t, c.ListenAddrs())
	}
	return map[string]func(*testing.T){
		"tls":       func(t *testing.T) { onTLS(t, "tls: %s") },
		"auth::tls": func(t *testing.T) { onTLS(t, "auth: {tls: %s}") },
		"auth::plain_text::username": func(t *testing.T) {
			plain(t, "auth: {plain_text: {username: %s, password: s}}", "u", "x")
		},
		"auth::plain_text::password": func(t *testing.T) {
			plain(t, "auth: {plain_text: {username: u, password: %s}}", "s", "x")
		},
		"auth::sasl::username": func(t *testing.T) {
			plain(t, "auth: {sasl: {mechanism: PLAIN, username: %s, password: s}}", "u", "x")
		},
		"auth::sasl::password": func(t *testing.T) {
			plain(t, "auth: {sasl: {mechanism: PLAIN, username: u, password: %s}}", "s", "x")
		},
		"auth::sasl::mechanism": func(t *testing.T) {
			for i, mechanism := range kafkaclient.SASLMechanisms {
				c := newCluster(t, append(withSuperuser(mechanism), kfake.SeedTopics(1, "dc1-processed"))...)
				text := "auth: {sasl: {mechanism: %s, username: u, password: s}}"
				delivers(t, c.ListenAddrs(), 1, setting(t, fmt.Sprintf(text, mechanism)))
				other := kafkaclient.SASLMechanisms[(i+1)%len(kafkaclient.SASLMechanisms)]
				waits(t, c.ListenAddrs(), setting(t, fmt.Sprintf(text, other)))
			}
		},
		"auth::sasl::aws_msk::region": func(t *testing.T) {
			refused("auth: {sasl: {mechanism: PLAIN, username: u, password: s, aws_msk: {region: r}}}", "auth::sasl::aws_msk has no effect")(t)
			refused("auth: {sasl: {mechanism: AWS_MSK_IAM_OAUTHBEARER}}", "auth::sasl::aws_msk::region is required")(t)
			starts(t, "auth: {sasl: {mechanism: AWS_MSK_IAM_OAUTHBEARER, aws_msk: {region: eu-west-1}}}", "")
		},
		"auth::sasl::oauthbearer_token_source": func(t *testing.T) {
			refused("auth: {sasl: {mechanism: PLAIN, username: u, password: s, oauthbearer_token_source: o}}",
				"auth::sasl::oauthbearer_token_source has no effect")(t)
			refused("auth: {sasl: {mechanism: OAUTHBEARER, oauthbearer_token_source: o, username: u}}", "have no effect with this mechanism")(t)
			starts(t, "auth: {sasl: {mechanism: OAUTHBEARER, oauthbearer_token_source: tokens}}",
				`auth::sasl::oauthbearer_token_source: there is no extension "tokens"`)
		},
		"auth::kerberos::service_name": refused("auth: {kerberos: {username: u, password: s}}", "auth::kerberos::service_name is required"),
		"auth::kerberos::username":     refused("auth: {kerberos: {service_name: kafka, password: s}}", "auth::kerberos::username is required"),
		"auth::kerberos::password": func(t *testing.T) {
			refused("auth: {kerberos: {service_name: kafka, username: u}}", "auth::kerberos needs keytab_file or password")(t)
			refused("auth: {kerberos: {service_name: kafka, username: u, password: s, keytab_file: f}}", "password has no effect")(t)
		},
		"auth::kerberos::use_keytab": refused("auth: {kerberos: {service_name: kafka, username: u, password: s, use_keytab: true}}",
			"auth::kerberos::keytab_file is required with use_keytab"),
		"auth::kerberos::keytab_file": func(t *testing.T) {
			starts(t, "auth: {kerberos: {service_name: kafka, username: u, realm: R, keytab_file: /no/keytab}}", `auth::kerberos: keytab_file "/no/keytab": `)
		},
		"auth::kerberos::config_file": func(t *testing.T) {
			starts(t, "auth: {kerberos: {service_name: kafka, username: u, password: s, config_file: /no/krb5.conf}}", `auth::kerberos: config_file "/no/krb5.conf": `)
		},
		"auth::kerberos::realm": func(t *testing.T) {
			text := "auth: {kerberos: {service_name: kafka, username: u, password: s, config_file: " + os.DevNull
			starts(t, text+"}}", "auth::kerberos: realm is not given, and config_file has no default_realm")
			starts(t, text+", realm: R}}", "")
		},
		"auth::kerberos::disable_fast_negotiation": func(t *testing.T) {
			starts(t, "auth: {kerberos: {service_name: kafka, username: u, password: s, realm: R, disable_fast_negotiation: true}}", "")
		},
	}
}

// starts makes sure that an exporter starts with settings, or does not for a reason.
func starts(t *testing.T, text, reason string) {
	t.Helper()
	s := newSender(t, []string{"127.0.0.1:1"}, func(cfg *Config) {
		setting(t, text)(cfg)
		require.NoError(t, confmap.Validate(cfg))
	})
	err := s.Start(t.Context(), componenttest.NewNopHost())
	if reason == "" {
		require.NoError(t, err)
	} else {
		require.ErrorContains(t, err, reason)
	}
	require.NoError(t, s.Shutdown(t.Context()))
}
