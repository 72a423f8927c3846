//go:build !linux

package python

func newLauncher(i *interpreter, g greeter) launcher {
	return &spawner{greeter: g, interpreter: i}
}
