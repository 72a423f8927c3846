// Package sources has the sources of resources that a receiver's configuration names: files, HTTP servers, Kafka and the
// configuration itself. Each is a resource.Provider. What is broken leaves the last good list in place, for its times to
// live, and is logged once.
package sources
