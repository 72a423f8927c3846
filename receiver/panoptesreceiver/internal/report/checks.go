package report

import (
	"fmt"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// noteCheck tells of each change of the state of a check: to the pipeline of logs all of them, with what the check said,
// and to the Collector's log those that many resources have in common in one line.
func (r *Report) noteCheck(s *Subject, result *run.Result) {
	if result.Check == nil {
		return
	}
	before, changed := r.failures.checked(s.key(), result.Check.State)
	if !changed {
		return
	}
	state, level := result.Check.State, levelOfCheck(result.Check.State)
	name := (&status.Check{State: state}).Name()
	text := logs.OneLine(result.Check.Text)
	r.Digest.Note(fmt.Sprint("check\x00", state, "\x00", s.Plugin.Name), func(held int) {
		fields := []zap.Field{
			zap.String("plugin", s.Plugin.Name), zap.String("resource", s.Resource.ID), zap.String("state", name), zap.String("text", text),
		}
		if held > 0 {
			fields = append(fields, zap.Int("others", held))
		}
		r.logger.Log(level, "Check changed its state", fields...)
	})
	if r.Logs == nil {
		return
	}
	if text == "" {
		text = "The check is " + name + " and says nothing"
	}
	r.Logs.Say(s.Plugin.speaker, s.about(), runlog.Line{
		At: time.Now(), Level: level, Message: text, RunID: result.RunID,
		Fields: []zap.Field{zap.Int("state", state), zap.Int("state_before", before)},
	})
}

// checked notes the state of a check, and says whether it is another one than before. A check that was not run yet was OK.
func (f *failures) checked(key failureKey, state int) (before int, changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before = int(f.checks[key])
	if state == 0 {
		delete(f.checks, key)
	} else {
		f.checks[key] = uint8(state)
	}
	return before, before != state
}

// levelOfCheck is the level at which a change to a state is told.
func levelOfCheck(state int) zapcore.Level {
	switch state {
	case 0:
		return zapcore.InfoLevel
	case 1:
		return zapcore.WarnLevel
	}
	return zapcore.ErrorLevel
}
