// Package pluginfile reads .panoptes-plugin files (docs/panoptes/runtime.md, sections 1 to 4): Python's configparser
// syntax, the defaults and corrections that apply to plugins, the names and signatures that follow from a file, and the
// module it speaks of. One bad file gives one error and never touches another.
package pluginfile
