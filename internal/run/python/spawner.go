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

var _ launcher = (*spawner)(nil)

// launcher starts workers, for all pools of an environment.
type launcher interface {
	workers.Launcher
	// Close ends what workers are started from, and returns when it has ended. The workers must have ended before.
	Close()
}

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

// Close is a part of launcher.
func (s *spawner) Close() {}
