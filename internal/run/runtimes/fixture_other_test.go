//go:build !unix

package runtimes

const fixtureArg = "plugin-fixture"

func fixture(string) {}
