// Package pluginoutput reads what plugins that are programs write: metrics groups in Panoptes' JSON or in the short
// form, the Prometheus text format, and the output of Nagios plugins (docs/plugin-output.md).
//
// Whatever the input, nothing here panics, and what can be read is read: an item that breaks a rule comes back as an
// error in its place.
package output
