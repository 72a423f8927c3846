//go:build !unix

package pluginrun

const fixtureArg = "plugin-fixture"

func fixture(string) {}
