package plugin

import (
	"bytes"
	"context"
	"regexp"
	"runtime"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// execOptions of [main] mean something for exec plugins alone.
var execOptions = [...]string{"args", "output", "group", "group_type", "units", "prefix"}

// isScript says whether a Python module for which the plugin file names no runtime is a program of its own, as most checks
// in Python are: an executable file with a "#!" line, and without a plugin class. It is not run to find out.
func (p *Plugin) isScript(path string) bool {
	if p.File.Runtime != "" || runtime.GOOS == "windows" || p.File.Config.Get("main", sysPathOption) != "" {
		return false
	}
	f, err := safefile.Open(context.Background(), path, maxSource)
	if err != nil {
		return false // setVersion tells
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode()&0o111 == 0 {
		return false
	}
	source, err := safefile.ReadAll(f, maxSource)
	if err != nil || !bytes.HasPrefix(source, []byte("#!")) {
		return false
	}
	for _, option := range execOptions {
		if p.File.Config.Get("main", option) != "" {
			return true
		}
	}
	return !bytes.Contains(bytes.ToLower(source), []byte("panoptes")) && !hasForeignClass(source)
}

var (
	classLine = regexp.MustCompile(`(?m)^class[ \t]+\w+[ \t]*\(([^)]*)\)`)
	// ownBases are bases that cannot be a plugin's: those of the language, and of libraries for checks.
	ownBases = regexp.MustCompile(`^(?:object|dict|list|tuple|set|str|int|float|bytes|type|ABC|Enum|\w*Enum|NamedTuple|TypedDict|Protocol|Thread|` +
		`\w*(?:Error|Exception|Warning|Action|Formatter|Handler|Parser)|(?:abc|argparse|collections|enum|json|logging|nagiosplugin|optparse|threading|typing)\..*)$`)
)

// hasForeignClass says whether a class derives from one that may be a plugin's, which stands in another module.
func hasForeignClass(source []byte) bool {
	for _, m := range classLine.FindAllSubmatch(source, -1) {
		for base := range strings.SplitSeq(string(m[1]), ",") {
			base, _, _ = strings.Cut(strings.TrimSpace(base), "[")
			if base != "" && !strings.Contains(base, "=") && !ownBases.MatchString(base) &&
				!bytes.Contains(source, []byte("class "+base)) {
				return true
			}
		}
	}
	return false
}
