// Package schema tests schema/metrics-group-0.2.json. It has no code of its own.
package schema
