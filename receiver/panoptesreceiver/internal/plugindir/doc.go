// Package plugindir knows which plugins there are in a set of directories, and notices when that changes.
//
// A change counts once it has lasted for a while (settle). What is broken leaves the last good version in place, and is logged
// once. Plugins run from copies of their own, so that an edit never changes what runs.
package plugindir
