// Package parity is the command panoptes parity, which compares two streams of metrics groups: whether both have the same series, at the same times, with values
// that agree. It holds a few samples of each series and no more.
package parity
