package pluginrun

// Variant returns a copy of the plugin that is run as change makes it: with another filter, interval, deadline or
// configuration (File.Config, in a File of its own). It shares the plugin's processes; Retire is for the plugin alone.
func (p *Plugin) Variant(change func(*Plugin)) *Plugin {
	v, file := *p, *p.File
	v.File, v.base = &file, p.root()
	change(&v)
	return &v
}

// root is the plugin that p is a variant of, or p.
func (p *Plugin) root() *Plugin {
	if p.base != nil {
		return p.base
	}
	return p
}
