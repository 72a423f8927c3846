// Package pluginextension turns Go plugins into a Collector extension, in which the receiver panoptes finds them.
//
// A third party's whole package is its plugins and one factory:
//
//	func NewFactory() extension.Factory {
//		return pluginextension.NewFactory(component.MustNewType("acme_plugins"), map[string]pluginsdk.PollingPlugin{
//			"door": pluginsdk.PollingPluginFunc(runDoor),
//		})
//	}
//
// It comes into a Collector with one line in the builder config, under extensions,
//
//   - gomod: example.com/acme/plugins v1.0.0
//
// and runs once the extension is listed in the Collector's configuration and a plugin file names the plugin:
//
//	extensions: {acme_plugins: }
//	service: {extensions: [acme_plugins], ...}
//
//	[Core]
//	Name = Door
//	Module = go:door
//
// The receiver looks at every extension that has the method of Provider, so an extension with settings of its own can
// offer plugins, too: implement Provider besides extension.Extension.
package pluginextension
