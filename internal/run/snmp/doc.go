// Package snmp runs the plugins that poll by SNMP without a program: Module = snmp, with tables and profiles
// (docs/snmp-tables.md), and Panoptes' generic plugin, with its JSON (package generic).
//
// A run takes what its plugin is compiled to (for tables package table, by package profile), asks the device through the engine that
// all share, and makes groups of the answers. While it waits it holds a goroutine, and nothing else that others may want.
//
// What is kept: compiled plugins until they are retired, with what belongs to the devices that they poll (states), which
// goes when a device was not polled for long; and when devices started, for all plugins (boots), which the key-value store
// has, too, so that the start of a counter stays the same over a restart of ours.
package snmp
