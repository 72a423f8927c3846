// Package migratecmd is the command panoptes migrate: a Collector's configuration from Panoptes' own, and the directory of
// secrets from its Redis.
package migratecmd
