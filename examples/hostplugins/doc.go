// Package hostplugins is an example of Go plugins in a Collector: memory, disks and network interfaces of the machine
// that the Collector runs on. A third party's package looks just like it: one factory, one line in a builder config,
// one line under service.extensions, and a plugin file with Module = go:host.
package hostplugins
