package panoptesstatusextension

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension/internal/metadata"
)

// doorman is an authenticator: it lets in who says "friend".
type doorman struct {
	component.StartFunc
	component.ShutdownFunc
}

var _ extensionauth.Server = doorman{}

func (doorman) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	for name, values := range sources {
		if strings.EqualFold(name, "Authorization") && values[0] == "friend" {
			return ctx, nil
		}
	}
	return ctx, errors.New("say friend")
}

type authHost map[component.ID]component.Component

func (h authHost) GetExtensions() map[component.ID]component.Component { return h }

// With an authenticator nothing at all is answered to who does not pass it, and no task is run.
func TestNothingWithoutCredentials(t *testing.T) {
	t.Parallel()
	for authenticator, challenge := range map[string]string{"basicauth": `Basic realm="Panoptes", charset="UTF-8"`, "oidc": ""} {
		id := component.MustNewIDWithName(authenticator, "mine")
		cfg := createDefaultConfig().(*Config)
		cfg.Server.NetAddr.Transport, cfg.Server.NetAddr.Endpoint = "unix", filepath.Join(t.TempDir(), "s")
		cfg.Server.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: id}})
		cfg.Actions = ActionsConfig{RunNow: true, LastOutput: true}
		require.NoError(t, cfg.Validate())
		e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
		require.NoError(t, err)
		require.NoError(t, e.Start(t.Context(), authHost{id: doorman{}}))
		f := newFake("", 10)
		e.Add(f)
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", cfg.Server.NetAddr.Endpoint)
		}}
		client := &http.Client{Transport: transport}
		ask := func(method, path, authorization string) *http.Response {
			req, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, nil)
			require.NoError(t, err)
			req.Header.Set("Authorization", authorization)
			resp, err := client.Do(req)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			return resp
		}
		run := "?" + taskValues("panoptes", f.tasks[0].TaskID()).Encode()
		for path, method := range map[string]string{
			"/": "GET", "/tasks": "GET", "/style.css": "GET", "/api/v1/overview": "GET", "/nowhere": "GET", "/run" + run: "POST", "/api/v1/run" + run: "POST",
		} {
			resp := ask(method, path, "foe")
			assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, path)
			assert.Equal(t, challenge, resp.Header.Get("WWW-Authenticate"), path)
		}
		assert.Zero(t, f.ran.Load())
		assert.Equal(t, http.StatusOK, ask("GET", "/", "friend").StatusCode)
		assert.Equal(t, http.StatusOK, ask("POST", "/api/v1/run"+run, "friend").StatusCode)
		assert.Equal(t, int64(1), f.ran.Load())
		transport.CloseIdleConnections()
		require.NoError(t, e.Shutdown(t.Context()))
	}
}
