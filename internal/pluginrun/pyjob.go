package pluginrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

// job is one request to a worker: a run, or a check.
type job struct {
	plugin *Plugin
	method string
	runID  int64 // 0 for a check
	params json.RawMessage
	log    runLog
	done   chan jobResult // has room for the one result

	// Under the pool's lock.
	worker   *worker // that has it; nil while it waits
	begun    time.Time
	recalled bool // the worker was asked to give it back
	given    bool // the result
}

// jobResult is the answer of a worker, or why there is none.
type jobResult struct {
	raw      json.RawMessage
	outcome  Outcome // of err
	err      error
	duration time.Duration // since the worker began it; 0 where none did
	worker   *worker
}

func newJob(p *Plugin, method string, params json.RawMessage, log runLog) *job {
	return &job{plugin: p, method: method, runID: log.id, params: params, log: log, done: make(chan jobResult, 1)}
}

// finish hands the result over; later ones are left out. The pool's lock is held.
func (j *job) finish(r jobResult) {
	if j.given {
		return
	}
	j.given = true
	r.worker = j.worker
	if !j.begun.IsZero() {
		r.duration = time.Since(j.begun)
	}
	j.done <- r
}

// failure is the result for an answer that is an error: the outcome, and whether the worker is in doubt after it.
func failure(err error) (result jobResult, inDoubt bool) {
	var fault *rpc.Fault
	if !errors.As(err, &fault) {
		return jobResult{outcome: OutcomeProtocol, err: err}, false // an *rpc.Error: it works, and refuses
	}
	if fault.Kind == rpc.FaultTooLong {
		return jobResult{outcome: OutcomeTooLarge, err: fmt.Errorf("result is too large: %w", fault)}, true
	}
	return jobResult{outcome: OutcomeProtocol, err: fmt.Errorf("answer does not keep to the plugin protocol: %w", fault)}, true
}
