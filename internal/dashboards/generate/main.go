// Command generate writes the dashboards as JSON, a folder a source: go generate ./internal/dashboards.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/panoptes-otel/panoptes-otel/internal/dashboards"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(folder string) error {
	for _, d := range dashboards.All() {
		text, err := d.JSON()
		if err != nil {
			return fmt.Errorf("dashboard %s: %w", d.UID(), err)
		}
		dir := filepath.Join(folder, string(d.Source))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, d.Name+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
