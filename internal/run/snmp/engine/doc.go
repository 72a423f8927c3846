// Package engine is the SNMP manager that all runs of a receiver share.
//
// An Engine asks devices on behalf of runs: New makes one, Close ends it. A call names a Target (a device and how to speak to
// it) and a Request (variables to get, columns to walk, or one GETBULK), and gets a Result:
//
//	result := e.Do(ctx, &target, &engine.Request{Get: uptime, Columns: columns}) // waits
//	e.Start(ctx, &target, &request, func(result *engine.Result) { ... })          // does not
//
// A Result has what came and says what did not: each column has its rows, its own error, and is partial if that is not nil.
// Rows are kept without pointers; Index and Value make the values that a caller wants, without memory of their own.
//
// A Target with an Agent is answered in the caller's process, without a port: recordings (package snmprec) are played so.
package engine
