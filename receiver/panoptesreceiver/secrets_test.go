package panoptesreceiver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// secretForms are forms in which a plugin may write a secret.
var secretForms = []func(string) string{
	func(s string) string { return s },
	func(s string) string { b, _ := json.Marshal(s); return string(b) },
	func(s string) string { b, _ := json.Marshal(map[string]string{"password": s}); return string(b) },
	url.QueryEscape,
	func(s string) string { return url.UserPassword("admin", s).String() },
	html.EscapeString,
	func(s string) string { return fmt.Sprintf("%q", s) },
	func(s string) string { return fmt.Sprintf("%X", s) },
	func(s string) string { return fmt.Sprint([]byte(s)) },
	func(s string) string { return base64.StdEncoding.EncodeToString([]byte("admin:" + s)) },
}

// secretTeller is what plugins share that tell a secret, or fail with it.
type secretTeller struct {
	mu   sync.Mutex
	form func(string) string
	got  string
}

func (s *secretTeller) plugin(fails bool) pluginsdk.PollingPlugin {
	return pluginsdk.PollingPluginFunc(func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		secret, err := pc.Secrets.Get(ctx, "community", "local")
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = secret
		text := s.form(secret)
		pc.Logger.Error("cannot log in with "+text, "with", text, "why", errors.New(text))
		if fails {
			return nil, errors.New("refused: " + text)
		}
		if err := pc.KV.Set(ctx, "of localhost "+text, text, 0); err != nil {
			return nil, err
		}
		g, err := pc.NewMetricsGroup("t")
		if err != nil {
			return nil, err
		}
		_ = g.AddDimension("d", text) // which may be too odd for one
		return pluginsdk.NewMetricsGroupSet(g), g.AddMetric(pluginsdk.Metric{Name: "m", Value: pluginsdk.Int(1)})
	})
}

// TestNobodySeesSecrets: whatever a secret is, and in whatever form a plugin writes it, neither the log nor what the status API and the
// pages are made of has it.
func TestNobodySeesSecrets(t *testing.T) {
	t.Parallel()
	b := newShownBench(t)
	b.cfg.Secrets.Directory = filepath.Join(b.dir, "secrets")
	b.write("secrets/community/default", "first")
	teller := &secretTeller{form: secretForms[0]}
	var tasks []status.TaskID
	for name, fails := range map[string]bool{"tells": false, "fails": true} {
		b.plugins[name] = teller.plugin(fails)
		b.write("plugins/"+name+".panoptes-plugin", strings.Replace(conf(name, "go:"+name), "execute_frequency = 1", "execute_frequency = 3600", 1))
	}
	b.start()
	for _, name := range []string{"tells", "fails"} {
		one := b.task(name, func(status.Task) bool { return true })
		tasks = append(tasks, one.TaskID())
	}
	shown := *b.board.shown.Load()
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ019 <>&\"'\\/%+=_-\n\té€")), 12, 40, -1).Draw(r, "secret")
		require.NoError(r, os.WriteFile(filepath.Join(b.dir, "secrets/community/default"), []byte(text), 0o600))
		teller.mu.Lock()
		teller.form = rapid.SampledFrom(secretForms).Draw(r, "form")
		teller.mu.Unlock()
		b.logs.TakeAll()
		seen := map[string]any{}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var running sync.WaitGroup
		for _, task := range tasks {
			running.Go(func() { _ = shown.RunNow(ctx, task) })
		}
		running.Wait()
		for _, task := range tasks {
			detail, err := shown.Detail(task)
			require.NoError(r, err)
			require.NotZero(r, detail.LastStart)
			seen["detail of "+task.Plugin] = detail
		}
		kept, err := shown.Kept(t.Context(), "localhost")
		require.NoError(r, err)
		require.NotEmpty(r, kept.Items)
		var all []status.Task
		shown.Tasks(func(one *status.Task) bool { all = append(all, *one); return true })
		seen["kept"], seen["plugins"], seen["tasks"], seen["resources"], seen["sources"] = kept, shown.Plugins(), all, shown.Resources(), shown.Sources()
		lines := b.logs.TakeAll()
		require.NotEmpty(r, lines)
		for i, line := range lines {
			seen[fmt.Sprint("line ", i)] = []any{line.Message, fmt.Sprint(line.ContextMap())}
		}
		for where, v := range seen {
			text, err := json.Marshal(v)
			require.NoError(r, err, where)
			var decoded any
			require.NoError(r, json.Unmarshal(text, &decoded))
			eachString(decoded, func(s string) {
				for _, needle := range []string{teller.got, teller.form(teller.got)} {
					if strings.Contains(s, needle) {
						r.Fatalf("%q is in %s: %q", needle, where, s)
					}
				}
			})
		}
	})
}

// eachString visits all texts of decoded JSON, keys as well.
func eachString(v any, visit func(string)) {
	switch v := v.(type) {
	case string:
		visit(v)
	case []any:
		for _, one := range v {
			eachString(one, visit)
		}
	case map[string]any:
		for key, one := range v {
			visit(key)
			eachString(one, visit)
		}
	}
}
