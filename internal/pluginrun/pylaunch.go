package pluginrun

import (
	"context"
	"io"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
)

// launcher starts workers, from one interpreter. All methods are safe for concurrent use.
type launcher interface {
	// context ends with abort.
	context() context.Context
	// start starts a worker; each line of its stderr goes to stderr.
	start(ctx context.Context, stderr func(line string, truncated bool)) (started, error)
	// stale says whether packages were installed or removed since the workers of now were started.
	stale() bool
	// renew has the workers that are started from now on know nothing of what was loaded before.
	renew()
	// abort gives up what is being started.
	abort()
	// close ends what workers are started from, and returns when it has ended. The workers must have ended before.
	close()
}

// started is a worker's process, with our ends of the protocol. closer closes these.
type started struct {
	process process
	reader  io.Reader
	writer  io.Writer
	closer  io.Closer
}

// spawner starts each worker as an interpreter of its own, for systems without a fork server.
type spawner struct {
	runtime *pythonRuntime
	ctx     context.Context
	cancel  context.CancelFunc
}

func newSpawner(r *pythonRuntime) *spawner {
	s := &spawner{runtime: r}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *spawner) context() context.Context { return s.ctx }

func (s *spawner) start(ctx context.Context, stderr func(string, bool)) (started, error) {
	config, err := s.runtime.command(ctx, firstExtra)
	if err != nil {
		return started{}, err
	}
	config.Stderr = stderr
	p, err := child.Start(config)
	if err != nil {
		return started{}, err
	}
	return started{process: p, reader: p.Stdout(), writer: p.Stdin(), closer: p.Stdout()}, nil
}

func (s *spawner) stale() bool { return false }

func (s *spawner) renew() {}

func (s *spawner) abort() { s.cancel() }

func (s *spawner) close() {}
