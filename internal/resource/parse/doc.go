// Package resources reads resources in Panoptes' discovery format: a JSON list of resources, a single one, or what a
// discovery plugin puts on the bus, {"resources": [...]} (docs/panoptes/formats.md, sections 2 and 3). The same in YAML,
// and JSON with one resource a line, are formats of ours. A bad entry costs itself alone; text that does not parse costs
// the file, and the error says where.
package parse
