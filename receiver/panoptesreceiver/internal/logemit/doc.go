// Package logemit hands what plugins say to a logs pipeline.
//
// Runs never wait for it: lines lie in a queue of bounded length and size, and where that is full, or the pipeline does
// not take them, they are dropped and counted.
package logemit
