// Package telemetry tests what all components say of themselves: that the metrics are there which a site needs, with names
// and units as OpenTelemetry has them, and that nobody can make series of them without end.
package telemetry
