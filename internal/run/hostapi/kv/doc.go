// Package kv is the key-value store and the secrets store that plugins see
// (docs/panoptes/runtime.md, sections 7 and 8).
package kv
