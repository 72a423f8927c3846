package workload

import _ "embed"

// Tutorial is the module of the plugin that Panoptes' tutorial writes: one group, two metrics, one dimension, two log lines.
//
//go:embed tutorial.py
var Tutorial string
