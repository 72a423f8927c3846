//go:build unix

package panoptesreceiver

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
