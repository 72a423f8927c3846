// Package scaffold writes new plugins, which run and pass the checks as they are.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
)

//go:embed templates
var templates embed.FS

// Languages are what a plugin can be written in.
var Languages = []string{"python", "go", "sh", "node"}

// placeholder stands for the plugin's name in the names of templates.
const placeholder = "NAME"

// names are those that a Python module, a metrics group and a Go package can have.
var names = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// taken are the names that no module of a Python plugin can have: Python's keywords in small letters, and packages that plugins import.
var taken = []string{
	"and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from",
	"global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
	"future", "panoptes", "panoptes_shims", "past", "six", "yahoo_panoptes", "yahoo_panoptes_snmp", "yapsy",
}

// Plugin says what is written.
type Plugin struct {
	Name, Language string
	// Class has a Python plugin written as a class, as Panoptes' plugins are, rather than as a function.
	Class bool
	// Every is the number of seconds between two runs.
	Every int
	// Checkout is a folder with the source of this project, from which a Go plugin is built; "" for none.
	Checkout string
}

func (p Plugin) check() error {
	switch {
	case !names.MatchString(p.Name):
		return fmt.Errorf("the name %q of a plugin must be small letters, digits and _, and begin with a letter", p.Name)
	case p.Language == "python" && slices.Contains(taken, p.Name):
		return fmt.Errorf("the name %q of a plugin cannot be that of a Python module: it is a word of the language, or a package that plugins import; "+
			"write another, such as %q", p.Name, p.Name+"_check")
	case !slices.Contains(Languages, p.Language):
		return fmt.Errorf("unknown language %q: expected one of %q", p.Language, Languages)
	case p.Class && p.Language != "python":
		return fmt.Errorf("--api class is for Python, not for %q", p.Language)
	}
	return nil
}

// templates is the folder of templates.
func (p Plugin) templates() string {
	if p.Class {
		return "templates/python-class"
	}
	return "templates/" + p.Language
}

// data is what templates see.
type data struct {
	Plugin
	Title, Class string
}

// Write makes the folder dir/name with a plugin and a resource to run it against, and returns its files, the plugin file
// first and the resource last. It changes nothing that is there already.
func Write(dir string, p Plugin) ([]string, error) {
	files, err := WritePlugin(dir, p)
	if err != nil {
		return nil, err
	}
	resources, err := p.data().file(filepath.Join(dir, p.Name, "resources.json"), "templates/resources.json")
	if err != nil {
		return nil, err
	}
	return append(files, resources), nil
}

// WritePlugin is Write without the resource.
func WritePlugin(dir string, p Plugin) ([]string, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, p.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o755); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already: take another name, or remove it", folder)
	} else if err != nil {
		return nil, err
	}
	files, err := p.data().write(folder, p.templates())
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(files, func(a, b string) int {
		return strings.Compare(filepath.Ext(b), filepath.Ext(a))
	})
	if i := slices.IndexFunc(files, func(f string) bool { return pluginfile.IsPluginFile(f) }); i > 0 {
		files[0], files[i] = files[i], files[0]
	}
	return files, nil
}

func (p Plugin) data() data {
	t := title(p.Name)
	return data{Plugin: p, Title: t, Class: strings.ReplaceAll(t, " ", "")}
}

// title is a name for people: "disk_usage" becomes "Disk Usage".
func title(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

// write writes the files of a folder of templates.
func (d data) write(folder, from string) ([]string, error) {
	entries, err := templates.ReadDir(from)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		to := filepath.Join(folder, strings.TrimSuffix(strings.ReplaceAll(e.Name(), placeholder, d.Name), ".tmpl"))
		file, err := d.file(to, from+"/"+e.Name())
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// file writes one file, which may be executed where it begins with "#!".
func (d data) file(to, from string) (string, error) {
	text, err := templates.ReadFile(from)
	if err != nil {
		return "", err
	}
	t, err := template.New(from).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, d); err != nil {
		return "", err
	}
	mode := os.FileMode(0o644)
	if bytes.HasPrefix(out.Bytes(), []byte("#!")) {
		mode = 0o755
	}
	return to, os.WriteFile(to, out.Bytes(), mode)
}

// Build is the shell command that makes a new plugin of a language fit to run, in its folder; "" where it is already.
func Build(language string) string {
	if language == "go" {
		return "go mod tidy && go build"
	}
	return ""
}

// module is that of this project.
const module = "github.com/panoptes-otel/panoptes-otel"

// FindCheckout returns the folder with the source of this project: the named one, or else the one that dir, the program that
// runs or the working directory is in, or "".
func FindCheckout(named, dir string) (string, error) {
	if named != "" {
		abs, err := filepath.Abs(named)
		if err == nil && !isCheckout(abs) {
			err = fmt.Errorf("--replace %s: there is no go.mod of this project in it", named)
		}
		return abs, err
	}
	var places []string
	if abs, err := filepath.Abs(dir); err == nil {
		places = append(places, abs)
	}
	if own, err := os.Executable(); err == nil {
		places = append(places, filepath.Dir(own))
	}
	if here, err := os.Getwd(); err == nil {
		places = append(places, here)
	}
	for _, path := range places {
		for ; !isCheckout(path); path = filepath.Dir(path) {
			if path == filepath.Dir(path) {
				path = ""
				break
			}
		}
		if path != "" {
			return path, nil
		}
	}
	return "", nil
}

func isCheckout(folder string) bool {
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	line, _, _ := strings.Cut(string(text), "\n")
	return err == nil && strings.TrimSpace(line) == "module "+module
}
