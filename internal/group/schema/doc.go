// Package schema checks messages as Panoptes' consumers do before they use one (docs/panoptes/formats.md, section 7),
// with the corrections recommended there: every element of a list is checked and not the first alone, no dimensions are
// fine, no metrics are not, and a boolean is no number. Keys that are not known are accepted.
package schema
