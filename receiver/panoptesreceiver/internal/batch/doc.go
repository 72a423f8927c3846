// Package batch joins what finished runs give into batches and hands these to the pipelines: metrics, and what plugins log.
//
// A batch goes out when it is full or when its first part has waited long enough. What the pipeline refuses for now is
// offered again for a while; what it refuses for good is dropped and counted. The two differ in what happens while the
// pipeline is busy: metrics fill up one batch more, and then runs wait, since nothing is thrown away to make room. Log
// lines lie in a queue of bounded length and size, and where that is full they are dropped and counted, since no run waits
// for what it says.
package batch
