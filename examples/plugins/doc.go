// Package plugins holds complete plugins in several languages, and the test that runs each as the receiver does. It has
// no code of its own.
package plugins
