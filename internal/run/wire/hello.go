package wire

// HostInfo names the program that runs plugins.
type HostInfo struct{ Name, Version string }

// Context is what Panoptes kept in panoptes.ini: all plugins see it.
type Context struct {
	Sites []string
	SNMP  map[string]any
	X509  map[string]any
}

// Hello is what a process is told first.
type Hello struct {
	Host HostInfo
	// LogLevel is the lowest level of lines that anybody takes.
	LogLevel string
	Context  Context
}

// Params are the parameters of "initialize" that all processes get. They are the caller's to add to.
func (h Hello) Params() map[string]any {
	sites, snmp, x509 := h.Context.Sites, h.Context.SNMP, h.Context.X509
	if sites == nil {
		sites = []string{}
	}
	if snmp == nil {
		snmp = map[string]any{}
	}
	if x509 == nil {
		x509 = map[string]any{}
	}
	return map[string]any{
		"protocol_version": ProtocolVersion,
		"host":             map[string]any{"name": h.Host.Name, "version": h.Host.Version},
		"log_level":        h.LogLevel,
		"context":          map[string]any{"sites": sites, "snmp": snmp, "x509": x509},
	}
}
