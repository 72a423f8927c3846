package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
)

// DocumentFormat is how a Document is written.
type DocumentFormat string

// Formats of documents, which docs/snmp-tables.md describes.
const (
	FormatTables   DocumentFormat = "tables"
	FormatExporter DocumentFormat = "snmp_exporter"
	FormatDatadog  DocumentFormat = "datadog"
)

// Document says what an SNMP plugin polls.
type Document struct {
	Format DocumentFormat
	// Name is what the plugin file calls it, without Modules.
	Name string
	// Path is the file to read. Of FormatDatadog it may be a folder.
	Path string
	// Modules are what is used of FormatExporter.
	Modules []string
}

// Documents are what an SNMP plugin polls. They are read where Snapshot copied them.
func (p *Plugin) Documents() []Document { return p.documents }

// resolveDocuments finds the documents that [snmp] names; the YAML beside the plugin file where it names none.
func (p *Plugin) resolveDocuments() error {
	tables, profiles := lines(p.File.Config.Get("snmp", "tables")), lines(p.File.Config.Get("snmp", "profiles"))
	if len(tables)+len(profiles) == 0 {
		name := strings.TrimSuffix(filepath.Base(p.File.Path), pluginfile.Extension) + ".yaml"
		if _, err := os.Stat(p.pathOf(name)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("[snmp] needs tables or profiles, which say what to poll: there is no %q beside the plugin file", name)
		}
		tables = []string{name}
	}
	for _, name := range tables {
		p.documents = append(p.documents, Document{Format: FormatTables, Name: name, Path: p.pathOf(name)})
	}
	for _, text := range profiles {
		d := Document{Format: FormatDatadog, Name: text}
		if at := strings.LastIndexByte(text, ':'); at >= 0 && !strings.ContainsAny(text[at:], `/\`) {
			d.Format, d.Name = FormatExporter, strings.TrimSpace(text[:at])
			for module := range strings.SplitSeq(text[at+1:], ",") {
				d.Modules = append(d.Modules, strings.TrimSpace(module))
			}
		}
		if d.Name == "" || slices.Contains(d.Modules, "") {
			return fmt.Errorf("[snmp] profiles: %q must be FILE:MODULE,… of a snmp.yml, or a file or folder of Datadog's profiles", text)
		}
		d.Path = p.pathOf(d.Name)
		p.documents = append(p.documents, d)
	}
	return p.checkDocuments()
}

func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// pathOf is the path of a name that starts at the plugin file.
func (p *Plugin) pathOf(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(p.File.Path), filepath.FromSlash(name))
}

func (p *Plugin) checkDocuments() error {
	for _, d := range p.documents {
		info, err := os.Stat(d.Path)
		switch {
		case err != nil:
			return fmt.Errorf("[snmp] %s %q: %w", d.option(), d.Name, err)
		case info.IsDir() && d.Format != FormatDatadog:
			return fmt.Errorf("[snmp] %s %q is a folder, it must be a file", d.option(), d.Name)
		}
	}
	return nil
}

func (d *Document) option() string {
	if d.Format == FormatTables {
		return "tables"
	}
	return "profiles"
}

// visitDocuments visits the files of all documents. Each document has a folder of its own: files of one name may come from
// different places.
func (p *Plugin) visitDocuments(visit func(ownFile) error) error {
	for i, d := range p.documents {
		folder := strconv.Itoa(i)
		info, err := os.Stat(d.Path)
		switch {
		case err != nil:
			return err
		case info.IsDir():
			err = walk(d.Path, maxModuleFiles, func(f ownFile, _ fs.DirEntry) error {
				if !isYAML(f.path) {
					return nil
				}
				f.name = path.Join(folder, f.name)
				return visit(f)
			})
		default:
			err = visit(ownFile{path: d.Path, name: path.Join(folder, filepath.Base(d.Path))})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// documentsIn are the documents as Snapshot copied them into a folder.
func (p *Plugin) documentsIn(dir string) []Document {
	out := slices.Clone(p.documents)
	for i := range out {
		folder := filepath.Join(dir, strconv.Itoa(i))
		if info, err := os.Stat(out[i].Path); err != nil || !info.IsDir() {
			folder = filepath.Join(folder, filepath.Base(out[i].Path))
		}
		out[i].Path = folder
	}
	return out
}
