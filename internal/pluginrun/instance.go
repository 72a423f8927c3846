package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// maxConcurrency bounds what a plugin may say of itself.
	maxConcurrency = 1024
	// maxFaults is how many lines that are no messages a process may write between two good answers.
	maxFaults = 100
)

// instance is one process of a plugin.
type instance struct {
	fleet *fleet
	child *child.Process
	conn  *rpc.Conn
	logs  *processLog
	limit int // runs at once

	// life ends when the process is given up; end says so.
	life context.Context
	end  context.CancelFunc

	faults  atomic.Int64
	flooded atomic.Bool // it was ended for its faults
	early   atomic.Bool // it closed its end of the protocol and lived on
	endOnce sync.Once

	// Under the fleet's lock:
	running int
	stuck   int  // of these, those that were given up and not answered
	doomed  bool // gets no more runs
}

// rejectedError is why a program is no plugin, whatever is tried again.
type rejectedError struct{ error }

func (e *rejectedError) Unwrap() error { return e.error }

// initializeResult is what a plugin answers to "initialize".
type initializeResult struct {
	ProtocolVersion int `json:"protocol_version"`
	Capabilities    struct {
		Concurrency int `json:"concurrency"`
	} `json:"capabilities"`
}

// startProcess starts a process of the fleet's plugin and waits until it is ready.
func startProcess(ctx context.Context, f *fleet) (*instance, error) {
	s := f.runner.settings
	p := &instance{fleet: f, logs: newProcessLog(s.Logger, f.plugin)}
	p.logs.faults = s.faults
	p.life, p.end = context.WithCancel(context.Background())
	config := s.childConfig(f.plugin)
	config.Stderr = s.Tap.stderr(p.logs.stderr)
	args, err := expand(f.plugin.program.args, nil) // they have no fields
	if err != nil {
		return nil, err
	}
	config.Args = args
	started, outcome, err := startProgram(config)
	if err != nil {
		if outcome == OutcomeRejected {
			err = &rejectedError{err}
		}
		return nil, err
	}
	p.child = started
	p.logs.setPid(started.Pid())
	services := newServices(s)
	p.conn = rpc.New(s.Tap.reader(started.Stdout()), s.Tap.writer(s.Processes.stdin(started)), rpc.Options{
		MaxLine: s.Limits.ResultBytes, Handle: services.handle, Notify: p.logs.notify, Fault: p.fault,
	})
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := p.initialize(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("it did not answer initialize and describe within %s", startLimit)
		}
		if errors.Is(err, rpc.ErrClosed) {
			p.await()
		}
		p.watch()
		if errors.Is(err, rpc.ErrClosed) {
			err = fmt.Errorf("it ended before it answered initialize and describe: %w", p.crash())
		}
		return nil, err
	}
	return p, nil
}

func (p *instance) initialize(ctx context.Context) error {
	s := p.fleet.runner.settings
	var result initializeResult
	err := p.conn.Call(ctx, "initialize", map[string]any{
		"protocol_version": protocolVersion,
		"host":             map[string]any{"name": s.Host.Name, "version": s.Host.Version},
		"log_level":        s.logLevel(),
		"plugin":           p.fleet.description,
		"context": map[string]any{
			"sites": orEmpty(s.Context.Sites), "snmp": orEmptyMap(s.Context.SNMP), "x509": orEmptyMap(s.Context.X509),
		},
	}, &result)
	var refused *rpc.Error
	switch {
	case errors.As(err, &refused):
		return &rejectedError{fmt.Errorf("it answered initialize with an error: %w", refused)}
	case err != nil:
		return err
	case result.ProtocolVersion != protocolVersion:
		return &rejectedError{fmt.Errorf("it speaks version %d of the plugin protocol, version %d is needed: update the plugin or the Collector",
			result.ProtocolVersion, protocolVersion)}
	}
	p.limit = min(max(result.Capabilities.Concurrency, 1), maxConcurrency)
	p.logs.single.Store(p.limit == 1)
	p.logs.logger.Debug("Started process of plugin", zap.String("plugin", p.fleet.plugin.Name()), zap.Int("pid", p.child.Pid()),
		zap.Int("concurrency", p.limit))
	var said pluginsdk.Contract
	err = p.conn.Call(ctx, "describe", map[string]any{"plugin": p.fleet.description, "type": "polling"}, &said)
	if errors.As(err, &refused) {
		if refused.Code == rpc.CodeMethodNotFound {
			return nil // a plugin need not describe itself
		}
		return &rejectedError{fmt.Errorf("it answered describe with an error: %w", rejection(err))}
	}
	if err != nil {
		return err
	}
	if err := p.fleet.plugin.describes(said); err != nil {
		return &rejectedError{err}
	}
	return nil
}

// describeProgram tells a process which plugin it is.
func describeProgram(p *Plugin) json.RawMessage {
	file, err := filepath.Abs(p.File.Path)
	if err != nil {
		file = p.File.Path
	}
	text, err := json.Marshal(pluginParams{
		Name: p.File.Name, NormalizedName: p.File.NormalizedName, Version: p.File.Version, Module: p.Module,
		Directory: filepath.Dir(file), File: file,
	})
	if err != nil {
		panic(err) // strings and numbers
	}
	return text
}

// fault takes a line that is no message. A process that writes nothing else is given up.
func (p *instance) fault(f *rpc.Fault) {
	p.logs.fault(f)
	if p.faults.Add(1) == maxFaults {
		p.flooded.Store(true)
		p.logs.logger.Warn("Ending process of plugin: it writes too many lines that are no messages", p.logs.fields(zap.Int("lines", maxFaults))...)
		p.discard()
	}
}

// discard gives the process up: it is ended with all that it started. It returns at once.
func (p *instance) discard() { p.end() }

// ended says whether the process is of no more use.
func (p *instance) ended() bool {
	select {
	case <-p.life.Done():
		return true
	case <-p.conn.Done():
		return true
	default:
		return false
	}
}

// giveUp takes a run back whose caller does not wait any longer. It returns when the run has ended, with its process
// or by an answer that comes soon.
func (p *instance) giveUp(id int64, done <-chan runAnswer) {
	ctx, cancel := context.WithTimeout(p.life, cancelGrace)
	defer cancel()
	_ = p.conn.Notify(ctx, "cancel", map[string]any{"run_id": id})
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	p.fleet.doom(p)
	a := <-done
	p.fleet.unstick(p)
	if p.life.Err() != nil || errors.Is(a.err, rpc.ErrClosed) {
		<-p.child.Done()
	}
}

// await waits for a process that closed its end of the protocol to end, but not for long.
func (p *instance) await() {
	timer := time.NewTimer(exitLimit)
	defer timer.Stop()
	select {
	case <-p.child.Done():
	case <-p.life.Done():
	case <-timer.C:
		p.early.Store(true)
	}
}

// watch sees the process through to its end, and clears up. It returns when nothing of it is left.
func (p *instance) watch() {
	if err := p.child.Stop(context.Background()); err != nil {
		p.logs.logger.Error("Cannot end process of plugin", zap.String("plugin", p.fleet.plugin.Name()), zap.Error(err))
	}
	p.conn.Close()
	p.end()
	_ = p.child.Stdout().Close()
	p.conn.Wait()
	p.logs.flush()
}

// quit asks the process to go. It is ended in any case.
func (p *instance) quit() {
	p.endOnce.Do(func() {
		ctx, cancel := context.WithTimeout(p.life, shutdownLimit)
		defer cancel()
		if p.conn.Call(ctx, "shutdown", nil, nil) == nil {
			_ = p.child.Stdin().Close()
			select {
			case <-p.child.Done():
			case <-ctx.Done():
			}
		}
		p.discard()
	})
}

// crash says how the process ended, with what it said on stderr.
func (p *instance) crash() error {
	how := "exit status 0"
	if err := p.child.Err(); err != nil {
		how = err.Error()
	}
	if p.early.Load() {
		how = "it closed its stdout"
	}
	return p.logs.died("the process of the plugin ended: " + how)
}
