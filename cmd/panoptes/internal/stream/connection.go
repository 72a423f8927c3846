package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"
	"golang.org/x/oauth2"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter"
	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// PasswordVariable is the environment variable that may hold the password: a command line is for all to see.
const PasswordVariable = "PANOPTES_SASL_PASSWORD"

// Connection says how to connect to a Kafka: as flags say, or as the exporter panoptes_json of a Collector's configuration does.
type Connection struct {
	Brokers []string

	// Configs are files of a Collector's configuration. Then flags only name other brokers, or a token.
	Configs []string
	// Find finds the connection in them where it is not that of the exporter panoptes_json, and says where it is.
	Find func(*collectorconfig.Config) (where string, client *configkafka.ClientConfig, err error)

	TLS                       bool
	CAFile, CertFile, KeyFile string
	Insecure                  bool

	Mechanism, User, PasswordFile, TokenFile string
}

// AddFlags adds the flags of a connection.
func (c *Connection) AddFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&c.Brokers, "brokers", nil, "`HOST:PORT` of brokers to begin with; several separated by commas")
	c.AddLoginFlags(flags)
}

// AddLoginFlags adds all of them but --brokers.
func (c *Connection) AddLoginFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&c.Configs, "config", nil, "`FILE` of a Collector's configuration, may be repeated: connect as its exporter panoptes_json does")
	flags.BoolVar(&c.TLS, "tls", false, "connect with TLS; the other --tls flags imply it")
	flags.StringVar(&c.CAFile, "tls-ca", "", "`FILE` of the authority of the brokers' certificates (default: the system's)")
	flags.StringVar(&c.CertFile, "tls-cert", "", "`FILE` of our own certificate, with --tls-key")
	flags.StringVar(&c.KeyFile, "tls-key", "", "`FILE` of its key")
	flags.BoolVar(&c.Insecure, "tls-insecure", false, "do not check the brokers' certificates")
	flags.StringVar(&c.Mechanism, "sasl-mechanism", "", "`NAME` of how to log in: "+strings.Join(mechanisms, ", ")+"; for others give --config")
	flags.StringVar(&c.User, "sasl-user", "", "`NAME` to log in with")
	flags.StringVar(&c.PasswordFile, "sasl-password-file", "", "`FILE` with the password (default: the environment variable "+PasswordVariable+")")
	flags.StringVar(&c.TokenFile, "sasl-token-file", "", "`FILE` with the token of "+kafkaclient.OAuthBearer+"; read for each connection")
}

// mechanisms are those that flags can ask for.
var mechanisms = append(slices.Clone(kafkaclient.SASLMechanisms), kafkaclient.OAuthBearer)

// options checks the connection and reads its files. All errors are wrong usage.
func (c *Connection) options(ctx context.Context) ([]kgo.Opt, error) {
	if slices.Contains(c.Brokers, "") {
		return nil, exit.Misusef("--brokers must not have empty parts")
	}
	config, err := c.client(ctx)
	if err != nil {
		return nil, exit.Misuse(err)
	}
	if len(c.Brokers) > 0 {
		config.Brokers = c.Brokers
	}
	c.Brokers = config.Brokers // as messages name them
	opts, err := kafkaclient.Options(ctx, config, c.tokens(config), zap.NewNop())
	return opts, exit.Misuse(err)
}

// client is the connection as the components have it.
func (c *Connection) client(ctx context.Context) (*configkafka.ClientConfig, error) {
	if len(c.Configs) > 0 {
		return c.configured(ctx)
	}
	if len(c.Brokers) == 0 {
		return nil, errors.New("give --brokers, or --config with a Collector's configuration")
	}
	config := configkafka.NewDefaultClientConfig()
	config.ClientID = clientID
	if c.TLS || c.Insecure || c.CAFile != "" || c.CertFile != "" || c.KeyFile != "" {
		config.TLS = &configtls.ClientConfig{
			Config:             configtls.Config{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile},
			InsecureSkipVerify: c.Insecure,
		}
	}
	var err error
	config.Authentication.SASL, err = c.login(ctx)
	return &config, err
}

const clientID = "panoptes-cli"

// configured is the connection of a component of a Collector's configuration.
func (c *Connection) configured(ctx context.Context) (*configkafka.ClientConfig, error) {
	if c.TLS || c.Insecure || c.CAFile+c.CertFile+c.KeyFile+c.Mechanism+c.User+c.PasswordFile != "" {
		return nil, errors.New("--config has TLS and login: leave out the flags --tls... and --sasl..., except --sasl-token-file")
	}
	all, err := collectorconfig.Load(ctx, c.Configs)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	find := c.Find
	if find == nil {
		find = ofExporter
	}
	where, found, err := find(all)
	if err != nil {
		return nil, fmt.Errorf("--config %s: %w", strings.Join(c.Configs, ", "), err)
	}
	config := *found
	config.ClientID = clientID
	if s := config.Authentication.SASL; s != nil && s.Mechanism == kafkaclient.OAuthBearer && c.TokenFile == "" {
		return nil, fmt.Errorf("--config: %s gets its token from an extension, which does not run here: give --sasl-token-file", where)
	}
	return &config, nil
}

func ofExporter(all *collectorconfig.Config) (where string, client *configkafka.ClientConfig, err error) {
	ids := slices.DeleteFunc(all.IDs(collectorconfig.Exporters), func(id component.ID) bool { return id.Type() != collectorconfig.ExporterType })
	if len(ids) != 1 {
		return "", nil, fmt.Errorf("it has %d exporters panoptes_json, expected one", len(ids))
	}
	where = fmt.Sprintf("exporters::%s", ids[0])
	decoded, err := all.Decode(collectorconfig.Exporters, ids[0])
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", where, err)
	}
	return where, &decoded.(*panoptesjsonexporter.Config).Client, nil
}

// tokens stands for the extension that a Collector gets its tokens from: nobody runs it here.
func (c *Connection) tokens(config *configkafka.ClientConfig) component.Host {
	if config.Authentication.SASL == nil || c.TokenFile == "" {
		return nil
	}
	return tokenHost{config.Authentication.SASL.OAuthBearerTokenSource: tokenFile(c.TokenFile)}
}

type tokenHost map[component.ID]component.Component

// GetExtensions implements component.Host.
func (h tokenHost) GetExtensions() map[component.ID]component.Component { return h }

// tokenFile is a file with a token.
type tokenFile string

// Start implements component.Component.
func (tokenFile) Start(context.Context, component.Host) error { return nil }

// Shutdown implements component.Component.
func (tokenFile) Shutdown(context.Context) error { return nil }

// Token implements kafkaclient.TokenSource.
func (f tokenFile) Token(ctx context.Context) (*oauth2.Token, error) {
	data, err := input.ReadFile(ctx, string(f))
	if err != nil {
		return nil, fmt.Errorf("--sasl-token-file: %w", err)
	}
	return &oauth2.Token{AccessToken: strings.TrimSpace(string(data))}, nil
}

// login is nil where none is wanted.
func (c *Connection) login(ctx context.Context) (*configkafka.SASLConfig, error) {
	switch {
	case c.Mechanism == "" && c.User == "" && c.PasswordFile == "" && c.TokenFile == "":
		return nil, nil
	case !slices.Contains(mechanisms, c.Mechanism):
		return nil, fmt.Errorf("unknown --sasl-mechanism %q: expected one of %q, or --config for others", c.Mechanism, mechanisms)
	case c.Mechanism == kafkaclient.OAuthBearer && c.TokenFile == "":
		return nil, fmt.Errorf("--sasl-mechanism %s needs --sasl-token-file", c.Mechanism)
	case c.Mechanism == kafkaclient.OAuthBearer:
		return &configkafka.SASLConfig{Mechanism: c.Mechanism}, nil
	case c.TokenFile != "":
		return nil, fmt.Errorf("--sasl-token-file has no effect with --sasl-mechanism %s", c.Mechanism)
	case c.User == "":
		return nil, fmt.Errorf("--sasl-mechanism %s needs --sasl-user", c.Mechanism)
	}
	password, err := c.password(ctx)
	return &configkafka.SASLConfig{Mechanism: c.Mechanism, Username: c.User, Password: password}, err
}

// password is the file's text without an end of line, or the variable's.
func (c *Connection) password(ctx context.Context) (string, error) {
	if c.PasswordFile == "" {
		if password := os.Getenv(PasswordVariable); password != "" {
			return password, nil
		}
		return "", fmt.Errorf("--sasl-user needs a password: give --sasl-password-file, or set %s", PasswordVariable)
	}
	data, err := input.ReadFile(ctx, c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("--sasl-password-file: %w", err)
	}
	if data = bytes.TrimRight(data, "\r\n"); len(data) == 0 {
		return "", fmt.Errorf("--sasl-password-file %s is empty", c.PasswordFile)
	}
	return string(data), nil
}
