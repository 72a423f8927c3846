// Package devices knows how the devices of a receiver are asked: where they are, with which credentials, and within which
// limits. Plugins of all runtimes ask through it, with one engine.
package devices
