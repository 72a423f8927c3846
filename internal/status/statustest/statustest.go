// Package statustest has a board for tests of components that show themselves on one.
package statustest

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// Host is a host whose only extension is a board of stages.
type Host struct {
	component.StartFunc
	component.ShutdownFunc

	mu     sync.Mutex
	stages map[*status.Stage]bool
}

var _ status.Board = (*Host)(nil)

// GetExtensions implements component.Host.
func (h *Host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("board"): h}
}

// Add implements status.Board.
func (*Host) Add(status.Receiver) (remove func()) { return func() {} }

// ShowsOutput implements status.Board.
func (*Host) ShowsOutput() bool { return false }

// AddStage implements status.Board.
func (h *Host) AddStage(s *status.Stage) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stages == nil {
		h.stages = map[*status.Stage]bool{}
	}
	h.stages[s] = true
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.stages, s)
	}
}

// Told are what all stages say of a plugin, by the names of their links: "yes said > next".
func (h *Host) Told(plugin string) (told []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	stages := slices.SortedFunc(maps.Keys(h.stages), func(a, b *status.Stage) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range stages {
		l := s.Link(plugin)
		text := string(l.Holds) + " " + l.Said
		if l.Next != "" {
			text += " > " + l.Next
		}
		told = append(told, text)
	}
	return told
}
