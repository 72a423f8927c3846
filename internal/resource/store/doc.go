// Package resourcestore joins what several sources say about resources: files, the configuration, HTTP, Kafka, and
// discovery plugins. One resource is one identity (site, class, subclass, type, id), whoever lists it.
//
// A source is opened with Open and then tells what it knows, from whatever goroutine:
//
//	src := store.Open(resourcestore.Place{Kind: resourcestore.KindDiscovery, Name: "My Discovery"})
//	src.Set(list, time.Now())  // all that it lists now; what is missing leaves
//	src.Refresh(time.Now())    // its list still holds: times to live begin anew
//	src.Fail(err)              // it is broken: its last list stays, and its times to live go on
//	src.Close()                // it is gone, with all that it listed
//
// A discovery plugin is such a source: Set after each run that returned a set, Fail after one that did not, Close when
// the plugin is removed. Opening the same place again gives the same source.
//
// A resource is there as long as one source lists it and its time to live (_resource_ttl) has not passed since that
// source was refreshed. Where several list it, the one counts that comes last in the order of Place: an operator's own
// file wins over what was discovered. It counts as a whole, so that what plugins see is what one source said. Its
// creation timestamp is the first one that was seen (firstseen.go).
package store
