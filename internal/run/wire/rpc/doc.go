// Package rpc is JSON-RPC 2.0 over a pair of streams, one message a line, in both directions at once: the transport of
// the plugin protocol.
//
// It is written here rather than taken from a library because of what it has to survive. The other side runs other
// people's code: a line may be too long, no JSON, no UTF-8, cut off, an answer to nothing, or an answer given twice.
// Each of these is a Fault that fails the call concerned, or is only reported, while the stream goes on at the next
// line. The library at hand (creachadair/jrpc2) gives the connection up at the first such line, with every call that
// is under way, and has no bound on a line.
package rpc
