//go:build !linux

package python

import "github.com/panoptes-otel/panoptes-otel/internal/run/workers"

func newLauncher(i *interpreter, g greeter) workers.Launcher {
	return &spawner{greeter: g, interpreter: i}
}
