package plugincmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/quote"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// describedPlugin is a plugin file: one of the disk, or one that is made for a script without one.
type describedPlugin struct {
	path string
	text string // of one that is made, "" for one of the disk
}

// findPlugin finds the plugin file for what somebody names: a plugin file, a folder with one, the module of one beside it,
// or a script for which one is made.
func findPlugin(path string) (describedPlugin, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return describedPlugin{}, exit.Misuse(err)
	case info.IsDir():
		return inFolder(path)
	case pluginfile.IsPluginFile(path):
		return describedPlugin{path: path}, nil
	}
	return ofModule(path)
}

// findPlugins is findPlugin for several, of which a folder may have any number, and folders below.
func findPlugins(paths []string) (all []describedPlugin, err error) {
	for _, path := range paths {
		var files []string
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if files, err = input.PluginFiles([]string{path}); err != nil {
				return nil, exit.Misuse(err)
			}
		}
		for _, file := range files {
			all = append(all, describedPlugin{path: file})
		}
		if len(files) == 0 {
			one, err := findPlugin(path)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	slices.SortStableFunc(all, func(a, b describedPlugin) int { return strings.Compare(a.path, b.path) })
	return slices.CompactFunc(all, func(a, b describedPlugin) bool { return a.path == b.path }), nil
}

// inFolder finds the one plugin of a folder.
func inFolder(folder string) (describedPlugin, error) {
	files, err := input.PluginFiles([]string{folder})
	switch {
	case err != nil:
		return describedPlugin{}, exit.Misuse(err)
	case len(files) == 1:
		return describedPlugin{path: files[0]}, nil
	case len(files) > 1:
		return describedPlugin{}, exit.Misusef("%s has %d plugin files: name one of %s", folder, len(files), some(files))
	}
	if _, err := os.Stat(filepath.Join(folder, "__init__.py")); err == nil {
		return ofModule(filepath.Clean(folder))
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return describedPlugin{}, exit.Misuse(err)
	}
	var scripts []string
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && (filepath.Ext(e.Name()) == ".py" || info.Mode()&0o111 != 0) {
			scripts = append(scripts, filepath.Join(folder, e.Name()))
		}
	}
	switch len(scripts) {
	case 0:
		return describedPlugin{}, exit.Misusef("%s has neither a plugin file nor a script: panoptes plugin new writes both", folder)
	case 1:
		return ofModule(scripts[0])
	}
	return describedPlugin{}, exit.Misusef("%s has no plugin file, and %d scripts: name one of %s", folder, len(scripts), some(scripts))
}

// some names the first of many.
func some(files []string) string {
	const most = 5
	if len(files) > most {
		return strings.Join(files[:most], ", ") + " and others"
	}
	return strings.Join(files, ", ")
}

// ofModule finds the plugin file that a module belongs to, or makes one.
func ofModule(path string) (describedPlugin, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return describedPlugin{}, err
	}
	beside, err := filepath.Glob(filepath.Join(quote.Glob(filepath.Dir(path)), "*"+pluginfile.Extension))
	if err != nil {
		return describedPlugin{}, exit.Misuse(err)
	}
	beside = slices.DeleteFunc(beside, func(file string) bool {
		f, err := pluginfile.Load(file)
		if err != nil {
			return true // another plugin's fault is none of this one
		}
		module, _, _, err := f.ResolveModule()
		return err != nil || module != abs && module != filepath.Join(abs, "__init__.py")
	})
	switch len(beside) {
	case 0:
		return makeFor(path)
	case 1:
		return describedPlugin{path: beside[0]}, nil
	}
	return describedPlugin{}, exit.Misusef("%s is the module of %d plugin files: name one of %s", path, len(beside), some(beside))
}

// makeFor makes a plugin file for a script: what is not to be seen from the script itself has a default.
func makeFor(path string) (describedPlugin, error) {
	base := filepath.Base(path)
	name := strings.TrimSuffix(base, filepath.Ext(base))
	core, main := []string{"Name = " + name, "Module = " + base}, []string{}
	var check *pluginfile.Check
	var more string
	switch filepath.Ext(base) {
	case ".py":
		core[1] = "Module = " + name
		if text, err := safefile.Read(context.Background(), path, pluginfile.MaxSize); err == nil {
			check, _ = pluginfile.FindCheck(text) // loading the plugin tells of an error
		}
	case ".yaml", ".yml":
		core[1], more = "Module = snmp", "\n[snmp]\ntables = "+base+"\n"
	case "":
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			break // a Python package
		}
		fallthrough
	default:
		main = append(main, "runtime = exec")
		if strings.HasPrefix(base, "check_") {
			main = append(main, "output = nagios")
		}
	}
	if check == nil || check.Every == 0 {
		main = append(main, "execute_frequency = 60")
	}
	if check == nil || check.Resources == "" {
		main = append(main, `resource_filter = resource_id LIKE "%%"`)
	}
	text := "[Core]\n" + strings.Join(core, "\n") + "\n"
	if len(main) > 0 {
		text += "\n[main]\n" + strings.Join(main, "\n") + "\n"
	}
	return describedPlugin{path: filepath.Join(filepath.Dir(path), name+pluginfile.Extension), text: text + more}, nil
}

// contents are the text of the plugin file.
func (d describedPlugin) contents(ctx context.Context) (string, error) {
	if d.text != "" {
		return d.text, nil
	}
	text, err := safefile.Read(ctx, d.path, pluginfile.MaxSize)
	return string(text), err
}

// open opens the plugin.
func (d describedPlugin) open(options plugin.OpenOptions) (*plugin.Plugin, []string, error) {
	if d.text == "" {
		return plugin.Open(d.path, options)
	}
	file, err := pluginfile.Parse(d.path, []byte(d.text))
	if err != nil {
		return nil, nil, err
	}
	return plugin.Prepare(file, options)
}

// tell says which plugin file was made.
func (d describedPlugin) tell() string {
	return fmt.Sprintf("panoptes: there is no plugin file for it, and it is run as this one says; saved as %s a Collector runs it, too:\n  %s\n",
		term.Cell(d.path), strings.ReplaceAll(logs.Printable(strings.TrimSpace(d.text)), "\n", "\n  "))
}
