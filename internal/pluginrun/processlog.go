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

	plugin []zap.Field
	single atomic.Bool // one run at a time: what names none is the latest's

	mu   sync.Mutex
	runs map[int64][]zap.Field
}

func newProcessLog(logger *zap.Logger, p *Plugin) *processLog {
	l := &processLog{workerLog: newWorkerLog(logger), plugin: []zap.Field{zap.String("plugin", p.Name())}, runs: map[int64][]zap.Field{}}
	l.workerLog.begin(0, l.plugin)
	return l
}

func (l *processLog) begin(id int64, fields []zap.Field) {
	if l.single.Load() {
		l.workerLog.begin(id, fields)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs[id] = fields
}

func (l *processLog) end(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, id)
}

// notify takes a notification; of those there is "log" alone.
func (l *processLog) notify(method string, params json.RawMessage) {
	if l.single.Load() || method != "log" {
		l.workerLog.notify(method, params)
		return
	}
	var line struct {
		RunID     int64  `json:"run_id"`
		Level     string `json:"level"`
		Message   string `json:"message"`
		Exception string `json:"exception"`
	}
	if json.Unmarshal(params, &line) != nil || !l.allow() {
		return
	}
	entry := l.logger.Check(levelOf(line.Level), line.Message)
	if entry == nil {
		return
	}
	l.mu.Lock()
	fields := l.runs[line.RunID]
	l.mu.Unlock()
	if fields == nil {
		fields = l.plugin
	}
	if line.Exception != "" {
		fields = append([]zap.Field{zap.String("exception", line.Exception)}, fields...)
	}
	entry.Write(fields...)
}
