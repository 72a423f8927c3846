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

// data is what templates see.
type data struct{ Name, Title string }

// Write makes the folder dir/name with a plugin in a language, and returns its files, the plugin file first. It changes
// nothing that is there already.
func Write(dir, name, language string) ([]string, error) {
	if !names.MatchString(name) {
		return nil, fmt.Errorf("the name %q of a plugin must be small letters, digits and _, and begin with a letter", name)
	}
	if !slices.Contains(Languages, language) {
		return nil, fmt.Errorf("unknown language %q: expected one of %q", language, Languages)
	}
	folder := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o755); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already: take another name, or remove it", folder)
	} else if err != nil {
		return nil, err
	}
	d := data{Name: name, Title: title(name)}
	files, err := d.write(folder, "templates/"+language)
	if err != nil {
		return nil, err
	}
	resources, err := d.file(filepath.Join(folder, "resources.json"), "templates/resources.json")
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(files, func(a, b string) int {
		return strings.Compare(filepath.Ext(b), filepath.Ext(a))
	})
	if i := slices.IndexFunc(files, func(f string) bool { return pluginfile.IsPluginFile(f) }); i > 0 {
		files[0], files[i] = files[i], files[0]
	}
	return append(files, resources), nil
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
	t, err := template.New(from).Parse(string(text))
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
