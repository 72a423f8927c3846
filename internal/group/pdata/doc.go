// Package mapping turns metrics groups into pdata and back (docs/mapping.md). All components share it, so that they
// read each other's data alike.
//
// Builder goes forward and loses nothing that a valid group says, but the group's own creation time. Groups goes back,
// from whatever a pipeline made of the data: it never fails on data, it reports what it had to change or drop.
package pdata
