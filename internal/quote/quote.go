// Package quote writes texts so that whoever reads them takes them as they are: the shell of somebody who copies a command, and
// a Collector that reads its configuration.
package quote

import (
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

var (
	// plainWord is what every shell takes as it is.
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)
	// plainPath is what YAML takes for a text, in lists of one line as well.
	plainPath = regexp.MustCompile(`^/[A-Za-z0-9_./-]*$`)
)

// Shell is a text as one word of a shell.
func Shell(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// YAML is a text as a value of a Collector's configuration, in which $ stands before variables.
func YAML(text string) string {
	if plainPath.MatchString(text) {
		return text
	}
	return strconv.Quote(strings.ReplaceAll(text, "$", "$$")) // the escapes of Go are escapes of YAML
}

// Glob is the pattern that matches a path alone, for filepath.Glob.
func Glob(path string) string {
	if runtime.GOOS != "windows" { // where \ stands between folders
		path = strings.ReplaceAll(path, `\`, `\\`)
	}
	return globs.Replace(path)
}

var globs = strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]")
