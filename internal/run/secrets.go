package run

import (
	"errors"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// withoutSecrets takes secrets out of what is said of a run.
func withoutSecrets(secrets *logs.Scrubber, result *Result) {
	if result.Err != nil {
		result.Err = withoutSecretsIn(secrets, result.Err)
	}
	for i := range result.Dropped {
		result.Dropped[i].Err = secrets.Error(result.Dropped[i].Err)
	}
}

func withoutSecretsIn(secrets *logs.Scrubber, err error) error {
	err = secrets.Error(err)
	var raised *PluginError
	if errors.As(err, &raised) {
		clean := *raised // it may be the error of other runs as well
		clean.Message, clean.Traceback = secrets.Clean(raised.Message), secrets.Clean(raised.Traceback)
		if clean.Message != raised.Message || clean.Traceback != raised.Traceback {
			return &raisedError{err, &clean}
		}
	}
	return err
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
