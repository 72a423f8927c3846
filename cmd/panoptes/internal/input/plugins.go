package input

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
)

// PluginFiles returns the plugin files of directories and below, each once, in order. A path of a file stands for itself.
func PluginFiles(paths []string) ([]string, error) {
	var files, dirs []string
	var errs []error
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			errs = append(errs, err)
		case info.IsDir():
			dirs = append(dirs, path)
		default:
			files = append(files, path)
		}
	}
	found := pluginfile.Walk(context.Background(), dirs)
	files = append(files, slices.DeleteFunc(found.Files, func(path string) bool {
		_, err := os.Stat(path)
		return err != nil // a link that leads nowhere is no plugin
	})...)
	slices.Sort(files)
	return slices.Compact(files), errors.Join(append(errs, found.Err())...)
}
