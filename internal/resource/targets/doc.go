// Package targets makes resources of the targets of Prometheus' service discovery: it reads target groups, as file_sd and
// http_sd have them, and turns the labels of a target into the fields of a resource. A bad target costs itself alone.
//
// Labels says which label gives which field. What no label gives comes from the source's defaults, and labels that give no
// field are the resource's metadata.
package targets
