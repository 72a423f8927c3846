package python

import (
	"context"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
)

// spawner starts each worker as an interpreter of its own, for systems without a fork server.
type spawner struct {
	greeter
	interpreter *interpreter
}

var _ workers.Launcher = (*spawner)(nil)

// Start implements workers.Launcher.
func (s *spawner) Start(ctx context.Context, stderr func(string, bool)) (workers.Process, error) {
	config, err := s.interpreter.command(ctx, firstExtra)
	if err != nil {
		return nil, err
	}
	config.Stderr = stderr
	p, err := child.Start(config)
	if err != nil {
		return nil, err
	}
	return workers.Child{Process: p}, nil
}

// Stale implements workers.Launcher.
func (s *spawner) Stale() bool { return false }

// Renew implements workers.Launcher.
func (s *spawner) Renew() {}

// Close implements workers.Launcher.
func (s *spawner) Close() {}
