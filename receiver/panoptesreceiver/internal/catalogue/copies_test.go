package catalogue

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
)

func TestCopiesStayWhileARunMayUseThem(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old, current := filepath.Join(root, "1"), filepath.Join(root, "2")
	write(t, filepath.Join(old, "x.py"), "")
	write(t, filepath.Join(current, "x.py"), "")
	p := &Plugins{}
	p.discard(&pluginFile{good: &plugin.Plugin{Deadline: time.Hour}, copies: []string{old, current}}, 1)
	p.sweep(time.Now().Add(time.Hour))
	assert.DirExists(t, old)
	p.sweep(time.Now().Add(time.Hour + 2*keepDiscarded))
	assert.NoDirExists(t, old)
	assert.DirExists(t, current)
	assert.Empty(t, p.discarded)
}
