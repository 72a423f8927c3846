package panoptesreceiver

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// A plugin file that does not tell its name hides no warning, and is named as what may be meant.
func TestWarningsBesideANamelessFile(t *testing.T) {
	t.Parallel()
	b := newShownBench(t)
	b.plugins["one"] = gauge(one)
	b.write("plugins/a.panoptes-plugin", conf("P", "go:one"))
	b.write("plugins/b.panoptes-plugin", "[Core]\n")
	b.write("plugins/never.panoptes-plugin", strings.Replace(conf("Slowed", "go:one"), "execute_frequency = 1", "", 1))
	b.cfg.Plugins.Overrides = []OverrideConfig{{Plugin: "Slowed", ExecuteFrequency: time.Second}}
	b.cfg.Plugins.Pins = map[string]string{"Q": strings.Repeat("0", 64)}
	b.start()
	b.task("P", func(s status.Task) bool { return s.State == status.OK })
	b.task("Slowed", func(s status.Task) bool { return s.State == status.OK })
	warnings := (*b.board.shown.Load()).Warnings()
	require.Len(t, warnings, 1)
	assert.Equal(t, `plugins::pins: there is no plugin "Q", so nothing is pinned by it`, warnings[0].Said)
	assert.Contains(t, warnings[0].Next, filepath.Join(b.dir, "plugins/b.panoptes-plugin")+`" cannot be read, and may be that one`)
}

// Without resources each plugin would be warned of, so the resources are.
func TestWarningWithoutResources(t *testing.T) {
	t.Parallel()
	b := newShownBench(t)
	b.plugins["one"] = gauge(one)
	b.write("plugins/a.panoptes-plugin", conf("P", "go:one"))
	b.write("plugins/b.panoptes-plugin", conf("Q", "go:one"))
	b.write("resources/one.json", "[]")
	b.start()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		warnings := (*b.board.shown.Load()).Warnings()
		if assert.Len(c, warnings, 1) {
			assert.Equal(c, "there is no resource, so no plugin runs", warnings[0].Said)
			assert.Contains(c, warnings[0].Next, `panoptes explain "P"`)
		}
	}, patience, 10*time.Millisecond)
}
