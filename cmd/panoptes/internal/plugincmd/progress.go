package plugincmd

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// progress is what goes to stderr, below which a terminal shows how far the runs are. Its lock is held for a write.
type progress struct {
	out   io.Writer
	shows bool
	every time.Duration

	mu    sync.Mutex
	line  string // that is shown
	drawn time.Time
}

// clearLine goes to the start of the line and removes what stands there.
const clearLine = "\r\x1b[K"

func newProgress(out io.Writer) *progress {
	return &progress{out: out, shows: term.StyleOf(out).Screen, every: 100 * time.Millisecond}
}

// Write implements io.Writer: the text goes above the line of progress.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.out.Write(text)
}

// show shows how many runs have ended, and what the oldest of the others waits for.
func (p *progress) show(done, of, failed int, waiting string) {
	if !p.shows {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.drawn) < p.every && done > 0 {
		return
	}
	p.clear()
	p.drawn = time.Now()
	p.line = fmt.Sprintf("%d of %d runs", done, of)
	if failed > 0 {
		p.line += fmt.Sprintf(", %d failed", failed)
	}
	if waiting != "" {
		p.line += ", waiting for " + term.Cell(waiting)
	}
	fmt.Fprint(p.out, p.line)
}

// end removes the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) clear() {
	if p.line != "" {
		fmt.Fprint(p.out, clearLine)
		p.line = ""
	}
}

// withoutFailures is a log without the lines that repeat the failure of a run, which is told in one block below, and
// without those about processes that an author does not see. Of several resources it has no line for each run that went well.
func withoutFailures(several *atomic.Bool) func(zapcore.Core) zapcore.Core {
	return func(core zapcore.Core) zapcore.Core { return failureFilter{core, several} }
}

type failureFilter struct {
	zapcore.Core
	several *atomic.Bool
}

// With implements zapcore.Core.
func (f failureFilter) With(fields []zapcore.Field) zapcore.Core {
	return failureFilter{f.Core.With(fields), f.several}
}

// Check implements zapcore.Core.
func (f failureFilter) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if f.Enabled(e.Level) {
		return checked.AddCore(e, f)
	}
	return checked
}

// Write implements zapcore.Core.
func (f failureFilter) Write(e zapcore.Entry, fields []zapcore.Field) error {
	switch e.Message {
	case "Started Python worker", "Failed to execute plugin:", "Could not setup context for plugin", "Plugin did not return any results":
		return nil
	}
	if f.several.Load() && e.Level == zapcore.DebugLevel && strings.HasPrefix(e.Message, "Plugin returned a result set with ") {
		return nil
	}
	return f.Core.Write(e, fields)
}
