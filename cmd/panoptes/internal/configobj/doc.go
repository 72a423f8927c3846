// Package configobj reads files in the syntax of Python's ConfigObj, which Panoptes' main configuration has: sections in
// sections, lists, quotes, values over several lines, and interpolation.
package configobj
