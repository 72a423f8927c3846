//go:build !remove_all_sd || enable_dns_sd

package providers

import _ "github.com/prometheus/prometheus/discovery/dns"
