// Package plugintest is what an author of a Go plugin tests it with.
//
//	func TestDoor(t *testing.T) {
//		groups := plugintest.Run(t, &Door{}, plugintest.WithConfig(pluginsdk.Config{"main": {"timeout": "5"}}))
//		plugintest.Golden(t, groups, "testdata/door.golden.json")
//	}
//
// Run gives the plugin what the receiver would give it, checks what comes back by the same rules, and fails the test
// where the receiver would drop something. Golden compares the groups with a file; go test -update writes it.
package plugintest
