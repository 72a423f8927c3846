// Package pluginsdk is all that an author of a Go plugin imports: resources, metrics groups and the plugin interface.
//
// A plugin is asked to look at one resource and answers with metrics groups. A group has a type, an interval, any
// number of dimensions, and gauges and counters; what the group's counters do per second is worked out later, by the
// rate processor. The rules a group must keep are those of Panoptes' metrics group schema 0.2
// (docs/panoptes/formats.md, sections 1 and 2); a group that breaks one is refused where it is built.
//
// A plugin in three lines, with Groups:
//
//	groups := pc.NewGroups()
//	groups.Group("disk", "mount", "/").Gauge("used", 0.4).Counter("reads", 12)
//	return groups.Result()
//
// It comes into a Collector in one of two ways, with the same code: compiled in, by an extension that the package
// pluginextension makes of it (Module = go:NAME in the plugin file), or as a program of its own whose main calls Serve
// (Module = the program). The package plugintest tests it without either.
//
// The package needs the standard library alone, so that a plugin stays small.
package pluginsdk
