package plugindir

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
)

func TestCopiesStayWhileARunMayUseThem(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old, current := filepath.Join(root, "1"), filepath.Join(root, "2")
	filetest.Write(t, filepath.Join(old, "x.py"), "")
	filetest.Write(t, filepath.Join(current, "x.py"), "")
	p := &Plugins{}
	p.discard(&pluginFile{good: &plugin.Plugin{Deadline: time.Hour}, copies: []string{old, current}}, 1)
	p.sweep(time.Now().Add(time.Hour))
	assert.DirExists(t, old)
	p.sweep(time.Now().Add(time.Hour + 2*keepDiscarded))
	assert.NoDirExists(t, old)
	assert.DirExists(t, current)
	assert.Empty(t, p.discarded)
}

// What cleans temporary files up may take a copy away, or a file of it. It is made again at once, from a plugin that did not change.
func TestCopiesAreMadeAgain(t *testing.T) {
	t.Parallel()
	d := startDeck(t, 20*time.Millisecond, func(d *deck) {
		d.scan = time.Hour // the system tells of every change
		d.plugin("one", "# first")
		d.plugin("two", "# other")
	})
	before := d.names("one", "two")
	copies := func(pattern string) []string {
		found, err := filepath.Glob(filepath.Join(d.copies, pattern))
		require.NoError(t, err)
		return found
	}
	for _, taken := range []string{"*/*/one.py", "*"} {
		gone := copies(taken)
		require.NotEmpty(t, gone)
		for _, path := range gone {
			require.NoError(t, os.RemoveAll(path))
		}
		again := d.until("a new copy", func(m map[string]*plugin.Plugin) bool { return m["one"] != nil && m["one"] != before["one"] })
		assert.Equal(t, before["one"].Version, again["one"].Version)
		assert.Len(t, copies("*/*/one.py"), 1)
		before = again
	}
	assert.Zero(t, d.failures())
}
