//go:build !remove_all_sd || enable_consul_sd

package providers

import _ "github.com/prometheus/prometheus/discovery/consul"
