//go:build enable_gce_sd

package providers

import _ "github.com/prometheus/prometheus/discovery/gce"
