//go:build !remove_all_sd || enable_kubernetes_sd

package providers

import _ "github.com/prometheus/prometheus/discovery/kubernetes"
