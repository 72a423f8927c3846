// Package panoptesdiscoveryextension finds resources with Prometheus' own service discovery and relabelling: a block of
// scrape_configs, copied from prometheus.yml, gives resources. It is a module of its own, so that nobody has to download the
// clients of clouds who does not build it in.
package panoptesdiscoveryextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
