package run

import (
	"errors"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

const (
	// maxErrorBytes limits the text of an error of a plugin, maxTracebackBytes its traceback.
	maxErrorBytes     = 8 << 10
	maxTracebackBytes = 64 << 10
	// maxDropName is how much of the name of what is dropped is told.
	maxDropName = 200
)

// tidy makes what plugins said in errors fit for logs, pages and terminals: without secrets, one line, of limited length.
func tidy(secrets *logs.Scrubber, result *Result) {
	name := func(s string) string { return logs.KeepStart(logs.OneLine(secrets.Clean(s)), maxDropName) }
	if result.Err != nil {
		result.Err = tidyError(secrets, result.Err)
	}
	if result.Check != nil {
		result.Check.Text = logs.Printable(secrets.Clean(result.Check.Text))
	}
	for i := range result.Dropped {
		d := &result.Dropped[i]
		d.Group, d.Metric = name(d.Group), name(d.Metric)
		d.Err = tidyError(secrets, d.Err)
	}
}

func tidyError(secrets *logs.Scrubber, err error) error {
	text := func(s string) string { return logs.KeepStart(logs.OneLine(secrets.Clean(s)), maxErrorBytes) }
	if raised, ok := errors.AsType[*PluginError](err); ok {
		clean := *raised // it may be the error of other runs as well
		clean.Message = text(raised.Message)
		clean.Traceback = logs.KeepEnd(logs.Printable(secrets.Clean(raised.Traceback)), maxTracebackBytes)
		if clean.Message != raised.Message || clean.Traceback != raised.Traceback {
			err = &raisedError{err, &clean}
		}
	}
	return logs.WithText(err, text(err.Error()))
}

// raisedError is an error with another PluginError in it than it had.
type raisedError struct {
	error
	raised *PluginError
}

// As finds the other PluginError.
func (e *raisedError) As(target any) bool {
	to, ok := target.(**PluginError)
	if ok {
		*to = e.raised
	}
	return ok
}

func (e *raisedError) Unwrap() error { return e.error }
