package panoptesreceiver

// values is what plugins see as context.snmp, by Panoptes' names. Secrets are not among them: the host has them, and asks devices.
func (c *SNMPConfig) values() map[string]any {
	return map[string]any{
		"connection_factory_module": c.ConnectionFactoryModule,
		"connection_factory_class":  c.ConnectionFactoryClass,
		"community":                 defaultCommunity,
		"timeout":                   c.Timeout,
		"retries":                   c.Retries,
		"non_repeaters":             c.NonRepeaters,
		"max_repetitions":           c.MaxRepetitions,
		"port":                      c.Port,
		"proxy_port":                c.ProxyPort,
		"community_string_key":      c.CommunityStringKey,
	}
}

// values is what plugins see as context.x509, by Panoptes' names.
func (c *X509Config) values() map[string]any {
	return map[string]any{
		"x509_cert_location":    c.CertLocation,
		"x509_cert_filename":    c.CertFilename,
		"x509_key_location":     c.KeyLocation,
		"x509_key_filename":     c.KeyFilename,
		"x509_secured_requests": c.SecuredRequests,
	}
}
