//go:build !remove_all_sd || enable_file_sd

package providers

import _ "github.com/prometheus/prometheus/discovery/file"
