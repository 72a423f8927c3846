package plugindir

import (
	"maps"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
)

// FileState is the state of one plugin file, for people.
type FileState struct {
	Path string
	// Name is the plugin's, as far as the file tells it; "" where it cannot be read.
	Name string
	// Warnings are what the file does that its author may not expect, one line each.
	Warnings []string
	// Plugin is what runs of it, since Loaded; nil where nothing does.
	Plugin *plugin.Plugin
	Loaded time.Time
	// Err is why what the file says now does not run, since Failed; nil where it does.
	Err    error
	Failed time.Time
}

// States returns the state of all files that are known, by path; nil before they were looked at first. It is safe for concurrent use.
func (p *Plugins) States() []FileState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.states)
}

// nextFlaw is what to do about a warning.
const nextFlaw = "correct the plugin file; it is read again once it is saved"

// noteStates keeps what States returns in step.
func (p *Plugins) noteStates() {
	states := make([]FileState, 0, len(p.files))
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		f := p.files[path]
		s := FileState{Path: path, Name: f.name, Warnings: f.warnings, Plugin: f.good, Loaded: f.loaded, Err: f.err, Failed: f.failed}
		if s.Err == nil && f.refused != "" {
			s.Err, s.Plugin = refusedError(f.refused), nil
		}
		states = append(states, s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states = states
}

// refusedError is why a plugin that loads is not used.
type refusedError string

func (e refusedError) Error() string { return string(e) }
