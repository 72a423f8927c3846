// Package panoptesshardsextension shares one fleet among several Collectors: receivers and processors ask it which shards of
// the fleet are theirs (internal/shard).
package panoptesshardsextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
