package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Clock is the clock of a run that is recorded, or of one that is repeated.
type Clock struct {
	// Now is what programs are told of the time, and the time of what a plugin returns without one.
	Now pluginsdk.Number
	// Readings are what clocks said to a Python plugin in the run that is repeated, as Result.Readings has them; nil has
	// those of the real ones kept.
	Readings json.RawMessage
}

// now is the time of what has none.
func (req Request) now() pluginsdk.Number {
	if req.Clock != nil {
		return req.Clock.Now
	}
	return pluginsdk.Now()
}

// Stream names what passes between the host and a plugin.
type Stream string

const (
	// StreamIn is what the host writes to the plugin: the protocol, or the stdin of an exec plugin.
	StreamIn Stream = "in"
	// StreamOut is what the plugin writes to the host: the protocol, or its stdout.
	StreamOut Stream = "out"
	// StreamErr is a line of stderr.
	StreamErr Stream = "err"
	// StreamArgument is an argument of an exec plugin, StreamVariable a variable of ours in its environment.
	StreamArgument Stream = "argument"
	StreamVariable Stream = "variable"
	// StreamExit is the exit status of an exec plugin, as Exit has it.
	StreamExit Stream = "exit"
)

// Tap is told what passes between the host and plugins, in pieces as they come. It is called from many goroutines, and
// must keep none of the bytes.
type Tap func(Stream, []byte)

func (t Tap) text(s Stream, text string) {
	if t != nil {
		t(s, []byte(text))
	}
}

// until is the tap of a run that ends with ctx: what a child still says when it has been given up belongs to no run.
func (t Tap) until(ctx context.Context) Tap {
	if t == nil {
		return nil
	}
	return func(s Stream, b []byte) {
		if ctx.Err() == nil {
			t(s, b)
		}
	}
}

// stderr is next, told of by the tap as well.
func (t Tap) stderr(next func(string, bool)) func(string, bool) {
	if t == nil {
		return next
	}
	return func(line string, truncated bool) {
		t(StreamErr, []byte(line+"\n"))
		next(line, truncated)
	}
}

func (t Tap) reader(r io.Reader) io.Reader {
	if t == nil {
		return r
	}
	return io.TeeReader(r, tapped{t, StreamOut})
}

func (t Tap) writer(w io.Writer) io.Writer {
	if t == nil {
		return w
	}
	return io.MultiWriter(tapped{t, StreamIn}, w) // the question is told of before the answer comes
}

type tapped struct {
	tap    Tap
	stream Stream
}

func (t tapped) Write(b []byte) (int, error) {
	t.tap(t.stream, b)
	return len(b), nil
}

// Exit is how an exec plugin ended: by an exit status, or, where How is not "", otherwise.
type Exit struct {
	Code int    `json:"code"`
	How  string `json:"how,omitempty"`
}

// Recorded is a plugin of which there is only a recording: it cannot be run, and Judge tells what its runs came to. The
// plugin file is what it was; described is what the plugin answered to "describe", if that is known.
func Recorded(file *pluginfile.File, kind Kind, t Type, described json.RawMessage) (*Plugin, error) {
	p := &Plugin{File: file, Kind: kind, Type: t, program: &program{groupType: file.NormalizedName}}
	if kind == KindExec || kind == KindProcess {
		if err := p.readOutput(); err != nil {
			return nil, err
		}
	}
	if err := p.readContract(); err != nil {
		return nil, err
	}
	if err := p.setTimes(OpenOptions{}); err != nil && !errors.Is(err, ErrNotScheduled) {
		return nil, err
	}
	var said pluginsdk.Contract
	if kind == KindProcess && json.Unmarshal(described, &said) == nil {
		if err := p.describes(said); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Said is what a plugin said in a run.
type Said struct {
	// Answer is the line with the answer to "run" of a Python or process plugin.
	Answer []byte
	// Stdout, the lines of Stderr, and Exit are of an exec plugin.
	Stdout []byte
	Stderr []string
	Exit   Exit
}

// Judge is what a run comes to in which the plugin said this: by the code that judges a run that is under way.
func Judge(req Request, said Said) (Result, error) {
	s, err := Settings{}.withDefaults()
	if err != nil {
		return Result{}, err
	}
	var result Result
	switch req.Plugin.Kind {
	case KindExec:
		logs := newWorkerLog(s.Logger)
		for _, line := range said.Stderr {
			logs.keep(line)
		}
		e := &execRunner{settings: s}
		result = e.outcome(req, said.Exit, logs, execEnd{
			stdout: said.Stdout, tooLarge: len(said.Stdout) > s.Limits.ResultBytes,
		})
	case KindPython, KindProcess:
		if result, err = judgeAnswer(req, said.Answer, s.Limits); err != nil {
			return Result{}, err
		}
	default:
		return Result{}, fmt.Errorf("what a plugin of the runtime %q says does not pass the host", req.Plugin.Kind)
	}
	req.enforce(&result)
	return result, nil
}

func judgeAnswer(req Request, line []byte, limits Limits) (Result, error) {
	var message struct {
		Result json.RawMessage `json:"result"`
		Error  *rpc.Error      `json:"error"`
	}
	if err := json.Unmarshal(line, &message); err != nil {
		return Result{}, fmt.Errorf("answer: %w", err)
	}
	if message.Error != nil {
		if req.Plugin.Kind == KindPython {
			failed, _ := failure(message.Error)
			return req.failed(failed.outcome, failed.err), nil
		}
		return req.failed(OutcomeRaised, refusal(message.Error)), nil
	}
	var answer runResult
	if err := json.Unmarshal(message.Result, &answer); err != nil {
		return Result{}, fmt.Errorf("answer: %w", err)
	}
	if req.Plugin.Kind == KindPython {
		return answer.result(req, limits), nil
	}
	return answer.ofProgram(req, limits), nil
}
