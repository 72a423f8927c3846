// Package providers links the service discoveries that the extension has, by Prometheus' own build tags: with remove_all_sd none
// but those of which enable_NAME_sd is set. Those that need the clients of clouds are there only with theirs.
package providers
