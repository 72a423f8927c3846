package pluginfile

import (
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
)

// knownSections are the sections that are read; a plugin may have more for itself.
var knownSections = []string{"Core", "Documentation", "main", "transforms", "topics", "contract", "snmp", "x509", "enrichment", defaultSection}

// knownOptions are the options that are read of a section, as far as one could be told from a plugin's own: short words
// are near to too many others.
var knownOptions = map[string][]string{
	"Documentation": {"author", "version", "website", "copyright", "description"},
	"main": {
		"execute_frequency", "resource_filter", "results_cache_age", "runtime", "sys_path",
		"output", "group", "group_type", "units", "prefix",
	},
	"topics": {"processed"},
	"snmp": {
		"tables", "profiles", "timeout", "retries", "community", "community_string_key", "max_repetitions", "non_repeaters",
	},
	"enrichment": {"preload"},
}

// warnTypos tells of names that are nearly one that is read and that the file does not have, and of sections that have the name of
// one in another case or number. Other names are the plugin's.
func (f *File) warnTypos(raw *ini) {
	for _, s := range raw.sections {
		if meant := nearest(s.name, knownSections); meant != "" && (singular(s.name) == singular(meant) || !f.hasSection(raw, meant)) {
			f.Warnings = append(f.Warnings, atLine(s.line)+"no section ["+s.name+"] is read; did you mean ["+meant+"]? The plugin alone sees it now")
		}
		for _, o := range s.options {
			meant := nearest(o.name, f.knownOptions(s.name))
			if _, has := f.Config[s.name][meant]; meant != "" && !has {
				f.Warnings = append(f.Warnings, atLine(o.line)+"no option ["+s.name+"] "+o.name+" is read; did you mean "+meant+"? The plugin alone sees it now")
			}
		}
	}
}

// knownOptions are those of a section. The arguments of a program are an option where the file says that it runs one.
func (f *File) knownOptions(section string) []string {
	if section == "main" && (f.Runtime == "exec" || f.Runtime == "process") {
		return append(slices.Clone(knownOptions[section]), "args")
	}
	return knownOptions[section]
}

// hasSection looks at what the file itself has: the defaults of [Documentation] would hide that it is misspelt.
func (f *File) hasSection(raw *ini, name string) bool {
	return raw.index[name] != nil || name == defaultSection && len(raw.defaults.options) > 0
}

// nearest is the known name that a name is nearly, "" where there is none or where it is known itself.
func nearest(name string, known []string) string {
	if slices.Contains(known, name) {
		return ""
	}
	best, limit := "", 3
	for _, k := range known {
		distance := spelling.Distance(strings.ToLower(name), strings.ToLower(k))
		if distance > 1 && len(k) < 8 {
			continue
		}
		if distance < limit {
			best, limit = k, distance
		}
	}
	return best
}

// misspelt is the option that is nearly one of another name, which the section does not have; nil for none.
func (s *section) misspelt(name string) *rawOption {
	for _, o := range s.options {
		if o.name != "name" && o.name != "module" && spelling.Nearest(o.name, []string{name}, len(name)/3) != "" {
			return o
		}
	}
	return nil
}

func singular(section string) string { return strings.TrimSuffix(strings.ToLower(section), "s") }
