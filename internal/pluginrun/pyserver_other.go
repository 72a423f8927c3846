//go:build !linux

package pluginrun

func newLauncher(r *pythonRuntime) launcher { return newSpawner(r) }
