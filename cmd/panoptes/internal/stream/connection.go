package stream

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// PasswordVariable is the environment variable that may hold the password: a command line is for all to see.
const PasswordVariable = "PANOPTES_SASL_PASSWORD"

// Connection says how to connect to a Kafka. Its settings are those of the exporter panoptes_json.
type Connection struct {
	Brokers []string

	TLS                       bool
	CAFile, CertFile, KeyFile string
	Insecure                  bool

	Mechanism, User, PasswordFile string
}

// AddFlags adds the flags of a connection.
func (c *Connection) AddFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&c.Brokers, "brokers", nil, "`HOST:PORT` of brokers to begin with; several separated by commas")
	c.AddLoginFlags(flags)
}

// AddLoginFlags adds all of them but --brokers.
func (c *Connection) AddLoginFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&c.TLS, "tls", false, "connect with TLS; the other --tls flags imply it")
	flags.StringVar(&c.CAFile, "tls-ca", "", "`FILE` of the authority of the brokers' certificates (default: the system's)")
	flags.StringVar(&c.CertFile, "tls-cert", "", "`FILE` of our own certificate, with --tls-key")
	flags.StringVar(&c.KeyFile, "tls-key", "", "`FILE` of its key")
	flags.BoolVar(&c.Insecure, "tls-insecure", false, "do not check the brokers' certificates")
	flags.StringVar(&c.Mechanism, "sasl-mechanism", "", "`NAME` of how to log in: "+strings.Join(kafkaclient.SASLMechanisms, ", "))
	flags.StringVar(&c.User, "sasl-user", "", "`NAME` to log in with")
	flags.StringVar(&c.PasswordFile, "sasl-password-file", "", "`FILE` with the password (default: the environment variable "+PasswordVariable+")")
}

// options checks the connection and reads its files. All errors are wrong usage.
func (c *Connection) options(ctx context.Context) ([]kgo.Opt, error) {
	if len(c.Brokers) == 0 || slices.Contains(c.Brokers, "") {
		return nil, exit.Misusef("--brokers must not be empty or have empty parts")
	}
	config := configkafka.NewDefaultClientConfig()
	config.Brokers, config.ClientID = c.Brokers, "panoptes-cli"
	if c.TLS || c.Insecure || c.CAFile != "" || c.CertFile != "" || c.KeyFile != "" {
		config.TLS = &configtls.ClientConfig{
			Config:             configtls.Config{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile},
			InsecureSkipVerify: c.Insecure,
		}
	}
	var err error
	if config.Authentication.SASL, err = c.login(); err != nil {
		return nil, exit.Misuse(err)
	}
	opts, err := kafkaclient.Options(ctx, &config, zap.NewNop())
	return opts, exit.Misuse(err)
}

// login is nil where none is wanted.
func (c *Connection) login() (*configkafka.SASLConfig, error) {
	switch {
	case c.Mechanism == "" && c.User == "" && c.PasswordFile == "":
		return nil, nil
	case !slices.Contains(kafkaclient.SASLMechanisms, c.Mechanism):
		return nil, fmt.Errorf("unknown --sasl-mechanism %q: expected one of %q", c.Mechanism, kafkaclient.SASLMechanisms)
	case c.User == "":
		return nil, fmt.Errorf("--sasl-mechanism %s needs --sasl-user", c.Mechanism)
	}
	password, err := c.password()
	return &configkafka.SASLConfig{Mechanism: c.Mechanism, Username: c.User, Password: password}, err
}

// password is the file's text without an end of line, or the variable's.
func (c *Connection) password() (string, error) {
	if c.PasswordFile == "" {
		if password := os.Getenv(PasswordVariable); password != "" {
			return password, nil
		}
		return "", fmt.Errorf("--sasl-user needs a password: give --sasl-password-file, or set %s", PasswordVariable)
	}
	data, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("--sasl-password-file: %w", err)
	}
	if data = bytes.TrimRight(data, "\r\n"); len(data) == 0 {
		return "", fmt.Errorf("--sasl-password-file %s is empty", c.PasswordFile)
	}
	return string(data), nil
}
