package input

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
)

// PluginFiles returns the plugin files of directories and below, each once, in order. A path of a file stands for itself. Links that
// lead nowhere are among them, as a Collector looks at them, too.
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
	files = append(files, found.Files...)
	slices.Sort(files)
	return slices.Compact(files), errors.Join(append(errs, found.Err())...)
}
