package pluginfile

import "github.com/panoptes-otel/panoptes-otel/pluginsdk"

// Option is one option of a section, with its value as plugins see it.
type Option struct{ Name, Value string }

// File is a parsed plugin file.
type File struct {
	Path, Name, NormalizedName, Module               string
	ModulePath                                       string
	Version, Author, Website, Copyright, Description string
	ExecuteFrequency, ResultsCacheAge                int
	ResourceFilter                                   string
	HasResourceFilter                                bool
	Config                                           pluginsdk.Config
	SectionOrder                                     []string
	Runtime                                          string
	Warnings                                         []string
	options                                          map[string][]Option
}

// Error says what is wrong with a plugin file.
type Error struct {
	Path   string
	Line   int
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// ModuleKind is what a Module names.
type ModuleKind string

// What a Module can name.
const (
	KindPythonFile    ModuleKind = "python file"
	KindPythonPackage ModuleKind = "python package"
	KindExecutable    ModuleKind = "executable"
	KindGo            ModuleKind = "go"
)

func Parse(path string, data []byte) (*File, error)       { return &File{Path: path}, nil }
func Load(path string) (*File, error)                     { return &File{Path: path}, nil }
func NormalizeName(name string) string                    { return name }
func Signature(normalizedName, resourceKey string) string { return "" }
func SignatureOfPlugin(normalizedName string) string      { return "" }
func TaskName(f *File, r *pluginsdk.Resource) string      { return "" }
func (f *File) Options(section string) []Option           { return f.options[section] }
func (f *File) Transforms() string                        { return "" }
func (f *File) Topics() string                            { return "" }
func (f *File) Expires() int                              { return 0 }
func (f *File) TimeLimit() int                            { return 0 }
func (f *File) ResolveModule() (path string, kind ModuleKind, warnings []string, err error) {
	return "", "", nil, nil
}
