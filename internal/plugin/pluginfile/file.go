package pluginfile

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Extension is what the names of plugin files end in.
const Extension = ".panoptes-plugin"

// MaxSize is the size, in bytes, that a plugin file may have.
const MaxSize = 1 << 20

// IsPluginFile says whether a file of that name is a plugin file; x.panoptes-plugin.example is none.
func IsPluginFile(name string) bool { return strings.HasSuffix(name, Extension) }

// Option is one option of a section, with its value as plugins see it.
type Option struct{ Name, Value string }

// File is a parsed plugin file. Treat it as read-only; it is then safe for concurrent use.
type File struct {
	// Path is the plugin file.
	Path string
	// Name is the plugin's name; NormalizedName is its form for keys.
	Name, NormalizedName string
	// Module is the module as the file gives it; ModulePath is joined with the file's folder, except for go:NAME.
	Module, ModulePath string
	// Version is as Panoptes prints it: without a third number that is 0. Like the other texts it has a default.
	Version, Author, Website, Copyright, Description string
	// ExecuteFrequency and ResultsCacheAge are seconds; 0 where missing or no integer. A frequency of 0 or less means
	// that the plugin is never scheduled.
	ExecuteFrequency, ResultsCacheAge int
	// ResourceFilter is the filter's text; HasResourceFilter tells a missing one from an empty one.
	ResourceFilter    string
	HasResourceFilter bool
	// Config is what plugins see: options of [DEFAULT] in every section, references resolved, the defaults of
	// [Documentation] filled in, and ModulePath as module. A section without options does not appear.
	Config pluginsdk.Config
	// SectionOrder are the sections of Config, as in the file, then those that came with defaults.
	SectionOrder []string
	// Runtime is [main] runtime, or "".
	Runtime string
	// Warnings are for the log, one line each.
	Warnings []string

	options   map[string][]Option
	inherited map[[2]string]bool // section and name of options that are from [DEFAULT]
}

// Load reads and parses a plugin file. Its error is an *Error.
func Load(path string) (*File, error) {
	data, err := read(path)
	if err != nil {
		if p, ok := errors.AsType[*os.PathError](err); ok {
			err = p.Err // the path is named once
		}
		return nil, &Error{Path: path, Reason: "cannot be read", Err: err}
	}
	return Parse(path, data)
}

func read(path string) ([]byte, error) {
	return safefile.Read(context.Background(), path, MaxSize)
}

// Parse parses the text of the plugin file at path. Its error is an *Error.
func Parse(path string, data []byte) (*File, error) {
	f, err := parse(path, data)
	if err != nil {
		err.Path = path
		return nil, err
	}
	return f, nil
}

func parse(path string, data []byte) (*File, *Error) {
	if len(data) > MaxSize {
		return nil, fail(0, "the file is larger than the limit of %d bytes", MaxSize)
	}
	raw, err := readINI(string(data))
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Config: pluginsdk.Config{}, options: map[string][]Option{}, inherited: map[[2]string]bool{}}
	budget := maxExpansion
	for _, s := range raw.sections {
		if err := f.addSection(raw, s, &budget); err != nil {
			return nil, err
		}
	}
	f.Warnings = append(f.Warnings, raw.warnings...)
	if err := f.readCore(raw); err != nil {
		return nil, err
	}
	f.readDocumentation()
	f.readMain()
	f.warnTypos(raw)
	return f, nil
}

// addSection works out the options of a section: those of [DEFAULT] first, as Python lists them.
func (f *File) addSection(raw *ini, s *section, budget *int) *Error {
	x := expander{file: raw, section: s, budget: budget}
	for _, o := range raw.defaults.options {
		own := s.index[o.name] != nil
		if own {
			o = s.index[o.name]
		} else {
			f.inherited[[2]string{s.name, o.name}] = true
		}
		if err := f.addOption(&x, o); err != nil {
			return err
		}
	}
	for _, o := range s.options {
		if raw.defaults.index[o.name] != nil {
			continue
		}
		if err := f.addOption(&x, o); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) addOption(x *expander, o *rawOption) *Error {
	value, err := x.value(o)
	if err != nil {
		return err
	}
	if err := x.spend(&strings.Builder{}, o, o.name); err != nil {
		return err
	}
	if keepsQuotes(x.section.name, o.name) {
		f.set(x.section.name, o.name, value)
		return nil
	}
	bare := unquote(value)
	if bare != value && !o.quoteWarned {
		o.quoteWarned = true
		f.Warnings = append(f.Warnings, atLine(o.line)+x.where(o)+": the quotes around the value are dropped; Panoptes keeps them")
	}
	f.set(x.section.name, o.name, bare)
	return nil
}

// keepsQuotes says which values are no scalars: a filter has quotes of its own, and whoever reads lists drops them there.
func keepsQuotes(section, option string) bool {
	return section == "main" && option == "resource_filter" || section == "transforms" || section == "topics"
}

// unquote drops one pair of matching quotes around a value that has no more of them inside.
func unquote(value string) string {
	bare := transforms.Unquote(value)
	if bare != value && strings.IndexByte(bare, value[0]) >= 0 {
		return value
	}
	return bare
}

func (f *File) set(section, name, value string) {
	options := f.Config[section]
	if options == nil {
		options = map[string]string{}
		f.Config[section] = options
		f.SectionOrder = append(f.SectionOrder, section)
	}
	_, known := options[name]
	options[name] = value
	list := f.options[section]
	if !known {
		f.options[section] = append(list, Option{name, value})
		return
	}
	list[slices.IndexFunc(list, func(o Option) bool { return o.Name == name })].Value = value
}

// Options returns the options of a section in the order of the file.
func (f *File) Options(section string) []Option { return slices.Clone(f.options[section]) }

// OwnOptions returns the options of a section that the file has there, without those of [DEFAULT].
func (f *File) OwnOptions(section string) []Option {
	return slices.DeleteFunc(f.Options(section), func(o Option) bool { return f.inherited[[2]string{section, o.Name}] })
}

// readCore takes what every plugin must have.
func (f *File) readCore(raw *ini) *Error {
	core := raw.index["Core"]
	if core == nil {
		for _, s := range raw.sections {
			if strings.EqualFold(s.name, "core") {
				return fail(s.line, "section [%s] must be written [Core]: names of sections keep their case", s.name)
			}
			if spelling.Nearest(s.name, []string{"Core"}, 1) != "" {
				return fail(s.line, "there is no section [Core], but [%s]: did you mean [Core]?", s.name)
			}
		}
		return fail(0, "there is no section [Core]: it must have the options Name and Module")
	}
	for _, o := range []struct {
		name, means string
		to          *string
	}{
		{"Name", "what the plugin is called", &f.Name},
		{"Module", "the Python module beside this file, such as my_plugin, or go:NAME", &f.Module},
	} {
		value, ok := f.Config["Core"][strings.ToLower(o.name)]
		if value = strings.TrimSpace(value); value == "" {
			is := "is missing"
			if ok {
				is = "is empty"
			} else if own := core.misspelt(o.name); own != nil {
				return fail(own.line, "option %s of section [Core] is missing, but %s is there: did you mean %s?", o.name, own.name, o.name)
			}
			return fail(core.line, "option %s of section [Core] %s: it says %s", o.name, is, o.means)
		}
		*o.to = value
	}
	if strings.ContainsRune(f.Module, 0) {
		return fail(core.line, "option Module of section [Core] has a NUL in it")
	}
	f.NormalizedName = NormalizeName(f.Name)
	f.ModulePath = joinPath(f.dir(), f.Module)
	f.set("Core", "name", f.Name)
	f.set("Core", "module", f.ModulePath)
	return nil
}

// dir is the folder of the plugin file, absolute where the working directory can be told.
func (f *File) dir() string {
	dir := filepath.Dir(f.Path)
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// joinPath is Python's os.path.join: it does not clean what the plugin file says.
func joinPath(dir, module string) string {
	if filepath.IsAbs(module) || strings.HasPrefix(module, goPrefix) {
		return module
	}
	return strings.TrimSuffix(dir, string(filepath.Separator)) + string(filepath.Separator) + module
}

func (f *File) readDocumentation() {
	const section = "Documentation"
	for _, d := range []struct {
		name, value string
		to          *string
	}{
		{"author", "Unknown", &f.Author},
		{"version", "0.0", &f.Version},
		{"website", "None", &f.Website},
		{"copyright", "Unknown", &f.Copyright},
		{"description", "", &f.Description},
	} {
		value, ok := f.Config[section][d.name]
		if !ok {
			value = d.value
			f.set(section, d.name, value)
		}
		*d.to = value
	}
	version, ok := printVersion(f.Version)
	if !ok {
		f.Warnings = append(f.Warnings, "[Documentation] version: "+shown(f.Version)+
			" is no N.N or N.N.N with an optional aN or bN; Panoptes refuses it")
	}
	f.Version = version
}

func (f *File) readMain() {
	f.ExecuteFrequency = f.seconds("execute_frequency")
	f.ResultsCacheAge = f.seconds("results_cache_age")
	f.ResourceFilter, f.HasResourceFilter = f.Config["main"]["resource_filter"]
	f.Runtime = f.Config.Get("main", "runtime")
}

// seconds reads an integer as Python's int does; what is none counts as 0.
func (f *File) seconds(option string) int {
	text, ok := f.Config["main"][option]
	if !ok {
		return 0
	}
	n, ok := parseInt(text)
	if !ok {
		f.Warnings = append(f.Warnings, "[main] "+option+": "+shown(text)+" is no whole number of seconds and counts as 0")
	}
	return n
}

// parseInt reads an integer of at most 32 bits: anything more is no number of seconds that makes sense.
func parseInt(text string) (int, bool) {
	text = strings.TrimFunc(text, isSpace)
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 32)
	if err != nil {
		return 0, false
	}
	return int(n), true
}

// Expires is the age in seconds at which Panoptes drops a run that is still waiting: twice the frequency.
func (f *File) Expires() int { return 2 * f.ExecuteFrequency }

// TimeLimit is Panoptes' time limit of a run: 1.25 times its interval in whole seconds, halves rounded to even as Python does.
func (f *File) TimeLimit() int { return int(math.RoundToEven(1.25 * float64(f.ExecuteFrequency))) }

// TimeLimit is how long a run may take of a plugin with this interval, whether its file says it or the configuration: 1.25 times that.
func TimeLimit(interval time.Duration) time.Duration { return interval * 5 / 4 }

// Transforms returns the section [transforms] as "K = rate:T:names", one a line in the order of the file, or "". An
// option that comes from [DEFAULT] is there only if it is a transform.
func (f *File) Transforms() string {
	var lines []string
	for _, o := range f.options["transforms"] {
		value := oneLine(o.Value)
		if _, err := transforms.ParseEntry(o.Name, value); err != nil && f.inherited[[2]string{"transforms", o.Name}] {
			continue
		}
		lines = append(lines, o.Name+" = "+value)
	}
	return strings.Join(lines, "\n")
}

// Topics returns the suffixes of [topics] processed, separated by commas, or "". An option that is there and empty is the
// suffix "" (docs/panoptes/formats.md, section 5), which is returned as ",".
func (f *File) Topics() string {
	value, ok := f.Config["topics"]["processed"]
	if !ok {
		return ""
	}
	if suffixes := transforms.Unquote(oneLine(value)); suffixes != "" {
		return suffixes
	}
	return ","
}

// oneLine joins the lines of a value that is a list.
func oneLine(value string) string { return strings.ReplaceAll(value, "\n", " ") }

func atLine(n int) string { return "line " + strconv.Itoa(n) + ": " }

// shown is a text of the file for a message: quoted, and short.
func shown(s string) string {
	const limit = 60
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit-3]) + "..."
	}
	return strconv.Quote(s)
}

// secretOptions are the ends of names of options whose values are secret.
var secretOptions = []string{
	"password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "private_key", "credentials", "community", "community_string",
}

// IsSecretOption says whether the value of an option is secret, by its name.
func IsSecretOption(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretOptions, func(end string) bool { return strings.HasSuffix(name, end) })
}

// TellingSecret is the length below which a setting is not looked for in logs, whatever its name: public, false and none are
// everywhere.
const TellingSecret = 8

// SecretValues are the values of a configuration that are secret by the names of their options, from a length on.
func SecretValues(config pluginsdk.Config, shortest int) (values []string) {
	for _, section := range config {
		for option, value := range section {
			if len(value) >= shortest && IsSecretOption(option) {
				values = append(values, value)
			}
		}
	}
	return values
}
