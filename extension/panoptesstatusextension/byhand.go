package panoptesstatusextension

import (
	"regexp"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/quote"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// compiled is the runtime of plugins that are compiled into the Collector: no command runs them.
const compiled = "go"

// byHand is the command that runs a plugin of a receiver without the Collector, against a resource unless that has no ID. Where its ID is
// another one's too, the command names its site, if it is known.
func (e *statusExtension) byHand(r status.Receiver, p *status.Plugin, resource *pluginsdk.Resource) string {
	command := "panoptes plugin run " + quote.Shell(p.File) + e.configs
	e.mu.RLock()
	if len(e.receivers) > 1 {
		command += " --receiver " + quote.Shell(r.ID().String())
	}
	e.mu.RUnlock()
	if resource.ID == "" {
		return command
	}
	command += " --resource " + quote.Shell(resource.ID)
	if resource.Site == "" {
		return command
	}
	r.Tasks(func(t *status.Task) bool {
		if t.Plugin != p.Name || t.Resource.ID != resource.ID || t.Resource.Site == resource.Site {
			return true
		}
		command += " --site " + quote.Shell(resource.Site)
		return false
	})
	return command
}

// scheme is what a configuration begins with that is no file: one letter alone is a drive.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:`)

// configFlags are the flags --config of a Collector's arguments, for a shell. Where there are none, or where one may be more than
// the name of a file, such as a configuration with its secrets, the flag has a word that says what to write.
func configFlags(args []string) string {
	var flags strings.Builder
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, "--config=")
		if arg == "--config" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if !ok {
			continue
		}
		if value = strings.TrimPrefix(value, "file:"); value == "" || scheme.MatchString(value) {
			return anyConfig
		}
		flags.WriteString(" --config " + quote.Shell(value))
	}
	if flags.Len() == 0 {
		return anyConfig
	}
	return flags.String()
}

// anyConfig is for somebody who knows which file.
const anyConfig = " --config FILE"
