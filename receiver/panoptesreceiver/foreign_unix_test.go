//go:build unix

package panoptesreceiver

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestPipesCostThemselvesAlone: a pipe in the place of any file that the receiver reads is an error line about it, while all
// else goes on, and the shutdown is not held up.
func TestPipesCostThemselvesAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["one"] = gauge(one)
	b.write("plugins/good.panoptes-plugin", conf("good", "go:one"))
	for _, pipe := range []string{
		"resources/pipe.json", "plugins/pipe.panoptes-plugin", "plugins/module/__init__.py", "plugins/program/check", "secrets/community/default",
	} {
		path := filepath.Join(b.dir, filepath.FromSlash(pipe))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, syscall.Mkfifo(path, 0o700))
	}
	b.write("plugins/of_module.panoptes-plugin", conf("of_module", "module"))
	b.write("plugins/of_program.panoptes-plugin", conf("of_program", "program/check"))
	b.start()
	b.until("a run of the good one", func(p point) bool { return p.scope == "panoptes/good" })
	require.NoError(t, syscall.Mkfifo(filepath.Join(b.dir, "resources", "later.json"), 0o600))
	b.until("another run of the good one", func(p point) bool { return p.scope == "panoptes/good" })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, b.receiver.Shutdown(ctx))
	assert.NoError(t, ctx.Err())
}

// pathSettings are all settings of the receiver that name a file or a folder, except those of TLS and Kerberos.
var pathSettings = map[string]struct {
	set func(c *Config, path string)
	// folder says that a folder is what is to be there.
	folder bool
	// want is in the line of the log about it, beside the path.
	want string
}{
	"plugins::directories": {func(c *Config, path string) {
		c.Plugins.Directories = append(c.Plugins.Directories, DirectoryConfig{Path: path})
	}, true, "Cannot read plugin directories"},
	"plugins::directories::python": {func(c *Config, path string) { c.Plugins.Directories[0].Python.Interpreter = path }, false, "Cannot load plugin"},
	"python::interpreter":          {func(c *Config, path string) { c.Python.Interpreter = path }, false, "Cannot load plugin"},
	"python::runtime_dir":          {func(c *Config, path string) { c.Python.RuntimeDir = path }, true, "Cannot load plugin"},
	"resources::files":             {func(c *Config, path string) { c.Resources.Files = append(c.Resources.Files, path) }, false, "Cannot load resources"},
	"resources::file_sd": {func(c *Config, path string) {
		c.Resources.FileSD = append(c.Resources.FileSD, FileSDConfig{Files: []string{path}})
	}, false, "Cannot load resources"},
	"secrets::directory": {func(c *Config, path string) { c.Secrets.Directory = path }, true, "The directory of secrets cannot be read"},
}

// TestForeignPathsInSettings: what is no file, or no folder, where a setting names one is an error line about it; all else goes on.
func TestForeignPathsInSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.Chmod(pipe, 0o700))
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	for key, setting := range pathSettings {
		kinds := []string{pipe, socket, "/dev/zero"}
		if !setting.folder {
			kinds = append(kinds, dir)
		}
		for _, path := range kinds {
			t.Run(key+" "+filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.plugins["one"] = gauge(one)
				b.plugins["asks"] = pluginsdk.PollingPluginFunc(func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
					if _, err := pc.Secrets.Get(ctx, "community", "local"); err != nil {
						return nil, err
					}
					return nil, pluginsdk.ErrNoResults
				})
				b.write("plugins/good.panoptes-plugin", conf("good", "go:one"))
				b.write("plugins/asks.panoptes-plugin", conf("asks", "go:asks"))
				if strings.Contains(key, "python") {
					b.write("plugins/python.panoptes-plugin", conf("python", "python.py"))
					b.write("plugins/python.py", "from panoptes import check, gauge\n\n@check\ndef run(ctx):\n    return gauge('ok', 1)\n")
				}
				setting.set(b.cfg, path)
				b.start()
				b.until("a run of the good one", func(p point) bool { return p.scope == "panoptes/good" })
				b.line(setting.want, path)
				lines := 0
				for _, e := range b.logs.All() {
					if strings.Contains(e.Message+fmt.Sprint(e.ContextMap()), path) {
						lines++
					}
				}
				assert.LessOrEqual(t, lines, 2, b.log())
				began := time.Now()
				require.NoError(t, b.receiver.Shutdown(context.Background()))
				assert.Less(t, time.Since(began), shutdownGrace)
			})
		}
	}
}
