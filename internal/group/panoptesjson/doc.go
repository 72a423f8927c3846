// Package codec turns pdata into Panoptes' JSON messages and back without anything in between (docs/mapping.md,
// docs/panoptes/formats.md).
//
// The encoder writes what mapping.Groups and MetricsGroup.AppendJSON would write, byte for byte, and reports what they
// would report; those two are the definition, and the tests hold them side by side. Data in the form that
// mapping.Builder gives it, however other components have reordered it or taken points out, is written straight from
// pdata. All else takes the way through package mapping, scope by scope.
//
// The decoder reads one message in one pass. It takes what Panoptes writes and what other writers make of the format:
// any order of keys, any blanks, keys it does not know.
package panoptesjson
