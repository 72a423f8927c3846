// Package agenttest has an SNMP agent for tests: it answers versions 1, 2c and 3 from what an engine.Agent has, such as a
// recording, and can be told to answer as no agent should.
package agenttest
