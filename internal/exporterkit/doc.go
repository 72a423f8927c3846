// Package exporterkit has what the exporters of metrics groups share: their common settings, and a bound on how long a
// shutdown waits for a back end that takes nothing any more.
package exporterkit
