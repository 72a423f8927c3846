// Package pluginrun opens plugins and runs them: Go plugins that are compiled in, and Python plugins in a pool of
// worker processes. The receiver and the command line use it alike.
//
// Open reads a plugin file, finds its module and decides whether it may be run at all. A Runner then runs one plugin
// against one resource at a time and always answers with a Result: whatever a plugin does (raise, hang, crash, return
// rubbish) ends as one of the outcomes below and costs that run alone. docs/runtimes.md has the table of outcomes.
package pluginrun
