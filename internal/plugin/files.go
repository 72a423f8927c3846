package plugin

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
)

const (
	// packageFile makes a folder a Python package.
	packageFile = "__init__.py"
	// maxModuleFiles and maxProgramFiles limit the files of one plugin, so that a Module that names a large folder by
	// mistake is an error rather than a long pause.
	maxModuleFiles  = 2000
	maxProgramFiles = 20_000
)

// ownFile is one file of what belongs to a plugin: it counts for the version, nobody else may be able to replace it, and
// it is copied before it is run.
type ownFile struct {
	// path is where it is, name its path below the module's folder, with slashes.
	path, name string
	// link is what a symbolic link to a folder leads to; such a folder is not entered.
	link string
}

// visitFiles visits the files of a plugin's module, in lexical order. A plugin that is compiled or built in has none; one
// that polls by SNMP has its documents.
func (p *Plugin) visitFiles(visit func(ownFile) error) error {
	switch {
	case p.Kind == KindSNMP:
		return p.visitDocuments(visit)
	case p.program != nil && p.program.folder:
		return p.visitProgram(visit)
	case p.program == nil && (p.Kind != KindPython || p.builtIn):
		return nil
	case p.program == nil && filepath.Base(p.Module) == packageFile:
		return visitPackage(filepath.Dir(p.Module), visit)
	}
	return visit(ownFile{path: p.Module, name: filepath.Base(p.Module)})
}

// visitPackage visits all files of a Python package except what Python compiled and hidden files.
func visitPackage(dir string, visit func(ownFile) error) error {
	return walk(dir, maxModuleFiles, func(f ownFile, _ fs.DirEntry) error {
		if strings.HasSuffix(f.name, ".pyc") {
			return nil
		}
		info, err := os.Stat(f.path)
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		return visit(f)
	})
}

// visitProgram visits the files of the folder that belongs to a program. Its own plugin file counts by itself.
func (p *Plugin) visitProgram(visit func(ownFile) error) error {
	return walk(filepath.Dir(p.Module), maxProgramFiles, func(f ownFile, d fs.DirEntry) error {
		switch {
		case pluginfile.IsPluginFile(f.path):
			return nil
		case d.Type() != fs.ModeSymlink:
			return visit(f)
		}
		info, err := os.Stat(f.path)
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			return nil // it leads nowhere: nothing can be run or read by it
		}
		if info.IsDir() {
			if f.link, err = filepath.EvalSymlinks(f.path); err != nil {
				return err
			}
		}
		return visit(f)
	})
}

// walk visits the files and the symbolic links of a folder, which may be a link itself, in lexical order. It leaves out
// hidden ones and what Python compiled.
func walk(dir string, limit int, visit func(f ownFile, d fs.DirEntry) error) error {
	n := 0
	root := filepath.Clean(dir) + string(filepath.Separator) // filepath.WalkDir does not enter a link
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "__pycache__"):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() && d.Type() != fs.ModeSymlink:
			return nil
		}
		if n++; n > limit {
			return fmt.Errorf("the folder %q has more than %d files: give the plugin a folder of its own", dir, limit)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return visit(ownFile{path: path, name: filepath.ToSlash(name)}, d)
	})
}
