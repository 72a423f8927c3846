package plugin

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// Description is what processes are told about a plugin (docs/plugin-protocol.md, "plugin").
type Description struct {
	Name           string `json:"name"`
	NormalizedName string `json:"normalized_name"`
	Version        string `json:"version"`
	Module         string `json:"module"`
	// Source is the file to read instead of Module.
	Source    string `json:"source,omitempty"`
	Directory string `json:"directory"`
	File      string `json:"file"`
	// SysPath is the folder whose modules can be imported, SysPathSource where to read them instead.
	SysPath       string `json:"sys_path,omitempty"`
	SysPathSource string `json:"sys_path_source,omitempty"`
	// Packages are the folders that stand for packages, of which the first that has a module counts.
	Packages []DescribedPackage `json:"packages,omitempty"`
}

// DescribedPackage is the folder Path that stands for the package Name.
type DescribedPackage struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// Source is where to read its modules instead.
	Source string `json:"source,omitempty"`
}

// Describe returns the description of p.
func (p *Plugin) Describe() Description {
	file := p.File.Path
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	d := Description{
		Name: p.File.Name, NormalizedName: p.File.NormalizedName, Version: p.File.Version, Module: p.Module,
		Directory: filepath.Dir(file), File: file,
	}
	if p.Kind != KindPython {
		return d
	}
	d.Source, d.SysPath, d.SysPathSource = p.source, p.beside.folder, p.beside.copied
	for _, i := range p.packaged {
		d.Packages = append(d.Packages, DescribedPackage{Name: i.name, Path: i.folder, Source: i.copied})
	}
	if filepath.Base(d.Module) == packageFile {
		if d.Source != "" {
			d.Module, d.Source = d.Source, ""
		}
		d.Module = filepath.Dir(d.Module) // workers know a package by its folder
	}
	return d
}

// DescriptionJSON is Describe in JSON. It is made once, since each run needs it.
func (p *Plugin) DescriptionJSON() json.RawMessage { return p.descriptionJSON }

// ConfigJSON is the configuration of the plugin file in JSON, made once as well.
func (p *Plugin) ConfigJSON() json.RawMessage { return p.configJSON }

// marshal makes what each run needs. It is called again for each copy of a plugin that changes.
func (p *Plugin) marshal() error {
	var err error
	if p.descriptionJSON, err = json.Marshal(p.Describe()); err != nil {
		return fmt.Errorf("describe the plugin: %w", err)
	}
	if p.configJSON, err = json.Marshal(p.File.Config); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}
