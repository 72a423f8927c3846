// Command typecheck checks the types of packages for the system that GOOS and GOARCH name, from source: it finds what would not
// compile there, and needs none of what a build for another system compiles first.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	if err := check(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "typecheck:", err)
		os.Exit(1)
	}
}

// check loads the packages that the patterns name, in the module of the working directory.
func check(patterns []string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	root += string(filepath.Separator)
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.LoadAllSyntax,
		Env:  append(os.Environ(), "CGO_ENABLED=0"),
		ParseFile: func(set *token.FileSet, name string, text []byte) (*ast.File, error) {
			file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
			if file != nil && !strings.HasPrefix(name, root) {
				dropBodies(file)
			}
			return file, err
		},
	}, patterns...)
	if err != nil {
		return err
	}
	bad := 0
	for _, p := range loaded {
		for _, e := range p.Errors {
			fmt.Fprintln(os.Stderr, e)
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d errors", bad)
	}
	return nil
}

// dropBodies removes what only the package itself can have wrong: others' packages are compiled elsewhere.
func dropBodies(file *ast.File) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			f.Body = nil
		}
	}
}
