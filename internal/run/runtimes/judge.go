package runtimes

import (
	"encoding/json"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Recorded is a plugin of which there is only a recording: it cannot be run, and Judge tells what its runs came to. The
// plugin file is what it was; described is what the plugin answered to "describe", if that is known.
func Recorded(file *pluginfile.File, kind plugin.Kind, t plugin.Type, described json.RawMessage) (*plugin.Plugin, error) {
	p, err := plugin.Recorded(file, kind, t)
	if err != nil {
		return nil, err
	}
	var said pluginsdk.Contract
	if kind == plugin.KindProcess && json.Unmarshal(described, &said) == nil {
		err = p.Declare(said)
	}
	return p, err
}

// Said is what a plugin said in a run.
type Said struct {
	// Answer is the line with the answer to "run" of a Python or process plugin.
	Answer []byte
	// Exec is what an exec plugin said.
	Exec program.Said
}

// Judge is what a run comes to in which the plugin said this: by the code that judges a run that is under way.
func Judge(req run.Request, said Said) (run.Result, error) {
	c := run.Judged(req, limits(run.Limits{}))
	var result run.Result
	var err error
	switch req.Plugin.Kind {
	case plugin.KindExec:
		result = program.Judge(c, said.Exec)
	case plugin.KindPython, plugin.KindProcess:
		result, err = judgeAnswer(c, said.Answer)
	default:
		err = fmt.Errorf("what a plugin of the runtime %q says does not pass the host", req.Plugin.Kind)
	}
	if err != nil {
		return run.Result{}, err
	}
	c.Enforce(&result)
	return result, nil
}

func judgeAnswer(c *run.Call, line []byte) (run.Result, error) {
	var message struct {
		Result json.RawMessage `json:"result"`
		Error  *rpc.Error      `json:"error"`
	}
	if err := json.Unmarshal(line, &message); err != nil {
		return run.Result{}, fmt.Errorf("answer: %w", err)
	}
	if message.Error != nil {
		refused := run.OutcomeRaised
		if c.Plugin.Kind == plugin.KindPython {
			refused = run.OutcomeProtocol
		}
		return workers.Answer{Err: message.Error}.Failed(c, refused), nil
	}
	var answer wire.Answer
	if err := json.Unmarshal(message.Result, &answer); err != nil {
		return run.Result{}, fmt.Errorf("answer: %w", err)
	}
	if c.Plugin.Kind == plugin.KindPython {
		return answer.Result(c, c.GroupsJSON), nil
	}
	return program.JudgeAnswer(c, &answer), nil
}
