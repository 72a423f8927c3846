// Package catalogue knows which plugins and which resources there are, and notices when that changes.
//
// Plugins and Files each are one goroutine that scans its files: at the start, when the system tells of a change,
// and every scan interval, since not every file system tells. A change counts once it has lasted for a while (settle);
// what is broken leaves the last good version in place, and is logged once.
package catalogue
