package pluginrun

import (
	"encoding/json"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// processLog is a workerLog for a process that may have many runs under way: a line belongs to the run that it names,
// and to the plugin where it names none.
type processLog struct {
	*workerLog

	plugin runLog
	single atomic.Bool // one run at a time: what names none is the latest's

	mu   sync.Mutex
	runs map[int64]runLog
}

func newProcessLog(logger *zap.Logger, p *Plugin) *processLog {
	plugin := runLog{fields: []zap.Field{zap.String("plugin", p.Name())}}
	l := &processLog{workerLog: newWorkerLog(logger), plugin: plugin, runs: map[int64]runLog{}}
	l.workerLog.begin(plugin)
	return l
}

func (l *processLog) begin(run runLog) {
	if l.single.Load() {
		l.workerLog.begin(run)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs[run.id] = run
}

func (l *processLog) end(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, id)
}

// notify takes a notification of the process.
func (l *processLog) notify(method string, params json.RawMessage) {
	if l.single.Load() {
		l.workerLog.notify(method, params)
		return
	}
	line, ok := l.read(method, params)
	if !ok {
		return
	}
	l.mu.Lock()
	run, ok := l.runs[line.RunID]
	l.mu.Unlock()
	if !ok {
		run = l.plugin
	}
	line.write(l.logger, run)
}
