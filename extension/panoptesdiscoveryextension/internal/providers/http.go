//go:build !remove_all_sd || enable_http_sd

package providers

import _ "github.com/prometheus/prometheus/discovery/http"
