// Package pluginsdk is all that an author of a Go plugin imports: resources, metrics groups and the plugin interface.
//
// A plugin is asked to look at one resource and answers with metrics groups. A group has a type, an interval, any
// number of dimensions, and gauges and counters; what the group's counters do per second is worked out later, by the
// rate processor. The rules a group must keep are those of Panoptes' metrics group schema 0.2
// (docs/panoptes/formats.md, sections 1 and 2); a group that breaks one is refused where it is built.
//
// The package needs the standard library alone, so that a plugin stays small.
package pluginsdk
