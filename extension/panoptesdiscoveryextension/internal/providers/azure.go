//go:build enable_azure_sd

package providers

import _ "github.com/prometheus/prometheus/discovery/azure"
