package statuscmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

const (
	defaultURL = "http://127.0.0.1:13150"
	// passwordVariable holds the password of --user: on the command line everybody on the machine could read it.
	passwordVariable = "PANOPTES_STATUS_PASSWORD"
	// requestLimit is how long an answer may take, maxAnswer how large it may be.
	requestLimit = 30 * time.Second
	maxAnswer    = 64 << 20
)

// Client asks the extension panoptes_status of a running Collector.
type Client struct {
	address, user, ca string
	http              *http.Client
	base              *url.URL
}

// Add adds the flags that say where it is.
func (c *Client) Add(flags *pflag.FlagSet) {
	flags.StringVar(&c.address, "url", defaultURL, "the `URL` of the extension panoptes_status")
	flags.StringVar(&c.user, "user", "", "the `USER` for basic authentication; the password is in $"+passwordVariable)
	flags.StringVar(&c.ca, "ca", "", "a `FILE` with the certificate authorities that the server's certificate may be of")
}

// Open checks what the flags say.
func (c *Client) Open(ctx context.Context) error {
	base, err := url.Parse(c.address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return exit.Misusef("--url %q must be like %s", c.address, defaultURL)
	}
	c.base = base
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if c.ca != "" {
		pem, err := input.ReadFile(ctx, c.ca)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return exit.Misusef("--ca %s has no certificate", c.ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	c.http = &http.Client{Transport: transport, Timeout: requestLimit}
	return nil
}

// Close ends its connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Get asks for a path below /api/v1/ and decodes the answer.
func (c *Client) Get(ctx context.Context, path string, values url.Values, into any) error {
	u := c.base.JoinPath("api/v1", path)
	u.RawQuery = values.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	if c.user != "" {
		req.SetBasicAuth(c.user, os.Getenv(passwordVariable))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w; is the extension panoptes_status enabled there?", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return errors.New("the server asks for a user: name one with --user, and its password in $" + passwordVariable)
	case resp.StatusCode == http.StatusNotFound && problem(text) == status.ErrNoTask.Error():
		return status.ErrNoTask
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answers %s: %s", c.base, resp.Status, problem(text))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s does not answer as panoptes_status does: %w", c.base, err)
	}
	return nil
}

// problem is the text of an error's answer.
func problem(text []byte) string {
	var answer struct{ Error string }
	if json.Unmarshal(text, &answer) == nil && answer.Error != "" {
		return answer.Error
	}
	return strings.TrimSpace(string(text[:min(len(text), 200)]))
}
