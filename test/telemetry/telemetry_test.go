package telemetry

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
)

const root = "../.."

// component is what a metadata.yaml says of a component's own metrics.
type component struct {
	Type      string `mapstructure:"type"`
	Telemetry struct {
		Metrics map[string]ownMetric `mapstructure:"metrics"`
	} `mapstructure:"telemetry"`
	Attributes map[string]ownAttribute `mapstructure:"attributes"`

	dir string
}

type ownMetric struct {
	Enabled     bool           `mapstructure:"enabled"`
	Description string         `mapstructure:"description"`
	Unit        string         `mapstructure:"unit"`
	Attributes  []string       `mapstructure:"attributes"`
	Sum         map[string]any `mapstructure:"sum"`
	Gauge       map[string]any `mapstructure:"gauge"`
	Histogram   map[string]any `mapstructure:"histogram"`
}

type ownAttribute struct {
	NameOverride string   `mapstructure:"name_override"`
	Enum         []string `mapstructure:"enum"`
}

// components reads the metadata of all components, by type.
func components(t *testing.T) map[string]*component {
	t.Helper()
	all := map[string]*component{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "build" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return filepath.SkipDir
		case d.Name() != "metadata.yaml":
			return nil
		}
		conf, err := confmaptest.LoadConf(path)
		if err != nil {
			return err
		}
		c := &component{dir: filepath.Dir(path)}
		if err := conf.Unmarshal(c, confmap.WithIgnoreUnused()); err != nil {
			return err
		}
		all[c.Type] = c
		return nil
	}))
	return all
}

// needed are the metrics that operating a site takes, by component: docs of each say what they are.
var needed = map[string][]string{
	"panoptes": {
		"panoptes_runs", "panoptes_run_duration", "panoptes_run_lateness", "panoptes_running", "panoptes_missed_slots",
		"panoptes_groups", "panoptes_data_points", "panoptes_dropped_groups", "panoptes_dropped_data_points", "panoptes_dropped_log_records",
		"panoptes_worker_restarts", "panoptes_recycled_workers", "panoptes_tasks", "panoptes_plugins", "panoptes_resources",
		"panoptes_skipped_runs", "panoptes_reload_errors",
	},
	"panoptes_rate":     {"panoptes_rate_series", "panoptes_rate_series_evicted", "panoptes_rates_produced", "panoptes_rates_skipped", "panoptes_rate_state_failures"},
	"panoptes_json":     {"panoptes_json_groups_sent", "panoptes_json_groups_dropped", "panoptes_json_points_dropped", "panoptes_json_records_sent", "panoptes_json_records_unsent"},
	"panoptes_influx":   {"panoptes_influx_groups_sent", "panoptes_influx_groups_dropped", "panoptes_influx_points_dropped"},
	"panoptes_encoding": {"panoptes_encoding_groups_read", "panoptes_encoding_groups_written", "panoptes_encoding_groups_dropped", "panoptes_encoding_points_dropped"},
	"panoptes_status":   {"panoptes_status_receivers", "panoptes_status_runs_requested"},
}

func TestNeededMetricsAreThere(t *testing.T) {
	t.Parallel()
	all := components(t)
	for component, metrics := range needed {
		require.Contains(t, all, component)
		for _, name := range metrics {
			assert.Contains(t, all[component].Telemetry.Metrics, name, component)
			assert.True(t, all[component].Telemetry.Metrics[name].Enabled, name)
		}
	}
	runs := all["panoptes"].Telemetry.Metrics["panoptes_runs"]
	assert.ElementsMatch(t, []string{"plugin", "outcome"}, runs.Attributes)
	for _, histogram := range []string{"panoptes_run_duration", "panoptes_run_lateness"} {
		assert.NotNil(t, all["panoptes"].Telemetry.Metrics[histogram].Histogram, histogram)
		assert.Equal(t, "s", all["panoptes"].Telemetry.Metrics[histogram].Unit)
	}
}

var (
	names = regexp.MustCompile(`^panoptes(_[a-z0-9]+)+$`)
	// Prometheus exporters add these; with them the name would have them twice.
	suffixes = regexp.MustCompile(`_(total|seconds|bytes|count|sum|bucket|ratio)$`)
	// UCUM: seconds, bytes, a number without a unit, or a thing that is counted.
	units = regexp.MustCompile(`^(s|By|1|\{[a-z_]+\})$`)
)

// TestNamesAndUnits: each metric is as OpenTelemetry would name it, and documented.
func TestNamesAndUnits(t *testing.T) {
	t.Parallel()
	for _, c := range components(t) {
		require.NotEmpty(t, c.Telemetry.Metrics, "%s says nothing of itself", c.Type)
		page, err := os.ReadFile(filepath.Join(c.dir, "documentation.md"))
		require.NoError(t, err, c.Type)
		for name, m := range c.Telemetry.Metrics {
			assert.Regexp(t, names, name)
			assert.NotRegexp(t, suffixes, name)
			assert.Regexp(t, units, m.Unit, name)
			assert.True(t, strings.HasSuffix(m.Description, "."), "%s: %s", name, m.Description)
			assert.Contains(t, string(page), "### otelcol_"+name+"\n")
			if m.Sum != nil {
				assert.Equal(t, true, m.Sum["monotonic"], name)
			}
		}
	}
}

// grow are names of what a site has more of than of plugins: a metric by one of these would be a series for each.
var grow = regexp.MustCompile(`resource|site|endpoint|host|device|instance|dimension|topic|partition|metric|group|task|run|path|user|address|(^|_)id$`)

// TestCardinalityIsBounded: metrics are told apart by the plugin, and otherwise by closed lists.
func TestCardinalityIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range components(t) {
		for name, m := range c.Telemetry.Metrics {
			for _, key := range m.Attributes {
				a, ok := c.Attributes[key]
				require.True(t, ok, "%s: %s", name, key)
				switch c.Type + " " + key {
				case "panoptes_shards group": // of Kafka's protocol, and one an extension
					continue
				case "panoptes_discovery job": // one a scrape configuration
					continue
				}
				shown := key
				if a.NameOverride != "" {
					shown = a.NameOverride
				}
				if shown == "runtime" {
					shown = "" // no run's
				}
				assert.NotRegexp(t, grow, shown, name)
				if shown != "plugin" {
					assert.NotEmpty(t, a.Enum, "%s: the values of %s are no closed list", name, key)
				}
			}
		}
	}
}

// TestListsAreThoseOfTheCode: what the pages say of values is what the code has.
func TestListsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	a := components(t)["panoptes"].Attributes
	var outcomes []string
	for _, o := range run.Outcomes {
		outcomes = append(outcomes, string(o))
	}
	assert.ElementsMatch(t, outcomes, a["outcome"].Enum)
	assert.ElementsMatch(t, workers.RestartReasons, a["restart_reason"].Enum)
	for _, r := range schedule.Reasons {
		assert.True(t, slices.Contains(a["skip_reason"].Enum, string(r)), r)
	}
}
