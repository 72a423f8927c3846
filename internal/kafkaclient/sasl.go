package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	krb5 "github.com/jcmturner/gokrb5/v8/client"
	krb5config "github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.opentelemetry.io/collector/component"
	"golang.org/x/oauth2"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// SASLMechanisms are the mechanisms of auth::sasl that need nothing but a user and a password.
var SASLMechanisms = []string{saslPlain, saslSHA256, saslSHA512}

// OAuthBearer is the mechanism whose token comes from an extension.
const OAuthBearer = saslOAuth

const (
	saslPlain  = "PLAIN"
	saslSHA256 = "SCRAM-SHA-256"
	saslSHA512 = "SCRAM-SHA-512"
	saslOAuth  = "OAUTHBEARER"
	saslAWS    = "AWS_MSK_IAM_OAUTHBEARER"
)

// TokenSource is what the extension of auth::sasl::oauthbearer_token_source must have, as oauth2client does. It is asked for
// each connection, and again before a token runs out where the broker says when that is.
type TokenSource interface {
	Token(ctx context.Context) (*oauth2.Token, error)
}

// saslMechanism is nil where there is no login.
func saslMechanism(ctx context.Context, a *configkafka.AuthenticationConfig, host component.Host) (sasl.Mechanism, error) {
	if p := a.PlainText; p != nil {
		return plain.Auth{User: p.Username, Pass: p.Password}.AsMechanism(), nil
	}
	if a.Kerberos != nil {
		m, err := kerberosMechanism(ctx, a.Kerberos)
		if err != nil {
			return nil, fmt.Errorf("auth::kerberos: %w", err)
		}
		return m, nil
	}
	s := a.SASL
	if s == nil {
		return nil, nil
	}
	switch s.Mechanism {
	case saslSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	case saslSHA512:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	case saslAWS:
		return awsMechanism(s.AWSMSK.Region), nil
	case saslOAuth:
		source, err := tokenSource(s.OAuthBearerTokenSource, host)
		if err != nil {
			return nil, fmt.Errorf("auth::sasl::oauthbearer_token_source: %w", err)
		}
		return oauthMechanism(source), nil
	default: // Validate lets no other through.
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	}
}

func tokenSource(id component.ID, host component.Host) (TokenSource, error) {
	if host == nil {
		return nil, fmt.Errorf("there is no extension %q", id)
	}
	extension, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("there is no extension %q: list it under service::extensions", id)
	}
	source, ok := extension.(TokenSource)
	if !ok {
		return nil, fmt.Errorf("extension %q gives no tokens: expected one such as oauth2client", id)
	}
	return source, nil
}

func oauthMechanism(source TokenSource) sasl.Mechanism {
	return tokenMechanism{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		token, err := source.Token(ctx)
		if err != nil {
			return oauth.Auth{}, fmt.Errorf("get a token: %w", err)
		}
		return oauth.Auth{Token: token.AccessToken}, nil
	})}
}

// tokenMechanism says why a broker takes no token, which franz-go's error leaves out.
type tokenMechanism struct{ sasl.Mechanism }

// Authenticate implements sasl.Mechanism.
func (m tokenMechanism) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, text, err := m.Mechanism.Authenticate(ctx, host)
	return tokenSession{session}, text, err
}

type tokenSession struct{ sasl.Session }

// Challenge implements sasl.Session.
func (s tokenSession) Challenge(answer []byte) (bool, []byte, error) {
	done, text, err := s.Session.Challenge(answer)
	if err != nil && len(answer) > 0 {
		err = fmt.Errorf("the broker does not take the token: %.200q", answer)
	}
	return done, text, err
}

// awsMechanism logs in with tokens signed by the credentials that AWS' own tools would find: of the environment, a profile,
// a container or the machine.
func awsMechanism(region string) sasl.Mechanism {
	return tokenMechanism{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		token, _, err := signer.GenerateAuthToken(ctx, region)
		if err != nil {
			return oauth.Auth{}, fmt.Errorf("sign a token for AWS: %w", err)
		}
		return oauth.Auth{Token: token}, nil
	})}
}

// kerberosMechanism logs in anew for each connection, so that a keytab may change. Files that cannot be read are an error
// now.
func kerberosMechanism(ctx context.Context, c *configkafka.KerberosConfig) (sasl.Mechanism, error) {
	if _, err := kerberosClient(ctx, c); err != nil {
		return nil, err
	}
	return kerberosLogin{c}, nil
}

// kerberosLogin is franz-go's, whose client would live, and renew its tickets, until a garbage collection finds it.
type kerberosLogin struct{ *configkafka.KerberosConfig }

func (l kerberosLogin) Name() string { return "GSSAPI" }

func (l kerberosLogin) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	client, err := kerberosClient(ctx, l.KerberosConfig)
	if err != nil {
		return nil, nil, fmt.Errorf("auth::kerberos: %w", err)
	}
	session, first, err := kerberos.Kerberos(func(context.Context) (kerberos.Auth, error) {
		return kerberos.Auth{Client: client, Service: l.ServiceName}, nil
	}).Authenticate(ctx, host)
	if err != nil {
		client.Destroy()
		return nil, nil, err
	}
	return kerberosSession{session, client}, first, nil
}

// kerberosSession ends its client with the log-in, and with a log-in that fails.
type kerberosSession struct {
	sasl.Session
	client *krb5.Client
}

func (s kerberosSession) Challenge(answer []byte) (done bool, next []byte, err error) {
	done, next, err = s.Session.Challenge(answer)
	if done || err != nil {
		s.client.Destroy()
	}
	return done, next, err
}

// maxKerberosFile bounds krb5.conf and the keytab; fileTime how long a file system may take for them.
const (
	maxKerberosFile = 4 << 20
	fileTime        = 10 * time.Second
)

func kerberosClient(ctx context.Context, c *configkafka.KerberosConfig) (*krb5.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	settings, err := kerberosSettings(ctx, c.ConfigPath)
	if err != nil {
		return nil, err
	}
	realm := c.Realm
	if realm == "" {
		if realm = settings.LibDefaults.DefaultRealm; realm == "" {
			return nil, errors.New("realm is not given, and config_file has no default_realm")
		}
	}
	fast := krb5.DisablePAFXFAST(c.DisablePAFXFAST)
	if c.KeyTabPath == "" {
		return krb5.NewWithPassword(c.Username, realm, c.Password, settings, fast), nil
	}
	keys, err := readKeytab(ctx, c.KeyTabPath)
	if err != nil {
		return nil, fmt.Errorf("keytab_file %q: %w", c.KeyTabPath, err)
	}
	return krb5.NewWithKeytab(c.Username, realm, keys, settings, fast), nil
}

// readKeytab reads a keytab. Of a broken one the library's error shows the keys, or it panics.
func readKeytab(ctx context.Context, path string) (keys *keytab.Keytab, err error) {
	data, err := safefile.Read(ctx, path, maxKerberosFile)
	if err != nil {
		return nil, err
	}
	broken := errors.New("the file is no keytab, or its end is missing")
	defer func() {
		if recover() != nil {
			keys, err = nil, broken
		}
	}()
	keys = keytab.New()
	if keys.Unmarshal(data) != nil {
		return nil, broken
	}
	return keys, nil
}

// kerberosSettings reads krb5.conf: the given one, or that of the machine where there is one.
func kerberosSettings(ctx context.Context, path string) (*krb5config.Config, error) {
	if path == "" {
		path = os.Getenv("KRB5_CONFIG")
	}
	if path == "" {
		const machine = "/etc/krb5.conf"
		if _, err := os.Stat(machine); err != nil {
			return krb5config.New(), nil // realms are found in the DNS
		}
		path = machine
	}
	if path == os.DevNull {
		return krb5config.New(), nil // as one says that there is to be none
	}
	data, err := safefile.Read(ctx, path, maxKerberosFile)
	if err != nil {
		return nil, fmt.Errorf("config_file %q: %w", path, err)
	}
	settings, err := krb5config.NewFromString(string(data))
	var unsupported krb5config.UnsupportedDirective
	if err != nil && !errors.As(err, &unsupported) { // an include is passed over
		return nil, fmt.Errorf("config_file %q: %w", path, err)
	}
	return settings, nil
}

// resolveTime bounds the search for canonical names.
const resolveTime = 10 * time.Second

// canonical replaces each broker by the canonical names of its addresses, as Kerberos and certificates know them. It is an
// error if none of them can be found.
func canonical(ctx context.Context, brokers []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	var names []string
	var errs []error
	for _, broker := range brokers {
		host, port, err := net.SplitHostPort(broker)
		if err != nil {
			host, port = broker, "9092"
		}
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, address := range addresses {
			found, err := net.DefaultResolver.LookupAddr(ctx, address)
			if err != nil || len(found) == 0 {
				found = []string{address} // as Kafka's own clients
			}
			name := net.JoinHostPort(strings.TrimSuffix(found[0], "."), port)
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no broker of %q is found: %w", brokers, errors.Join(errs...))
	}
	return names, nil
}
