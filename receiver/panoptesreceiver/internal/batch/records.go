package batch

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// records makes log records of lines: one ResourceLogs a resource, with the attributes that it has with its metrics, and in
// it one ScopeLogs a plugin, with the name of its metrics' scope.
func (l *Logs) records(batch []entry) plog.Logs {
	type scopeKey struct {
		resource *pluginsdk.Resource
		scope    string
	}
	out := plog.NewLogs()
	resources := map[*pluginsdk.Resource]plog.ResourceLogs{}
	scopes := map[scopeKey]plog.LogRecordSlice{}
	for i := range batch {
		n := &batch[i]
		key := scopeKey{n.resource, n.speaker.Scope}
		records, ok := scopes[key]
		if !ok {
			rl, ok := resources[n.resource]
			if !ok {
				rl = out.ResourceLogs().AppendEmpty()
				if n.resource != nil {
					pdata.PutResource(rl.Resource().Attributes(), n.resource, l.settings.Mapping)
				}
				resources[n.resource] = rl
			}
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName(n.speaker.Scope)
			records = sl.LogRecords()
			scopes[key] = records
		}
		n.put(records.AppendEmpty())
	}
	return out
}

func (n *entry) put(r plog.LogRecord) {
	r.SetTimestamp(pcommon.NewTimestampFromTime(n.line.At))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(n.observed))
	r.SetSeverityNumber(severity(n.line.Level))
	r.SetSeverityText(n.line.Level.CapitalString())
	r.Body().SetStr(n.line.Message)
	a := r.Attributes()
	a.EnsureCapacity(len(n.line.Fields) + 4)
	if n.line.RunID != 0 {
		a.PutInt(attrs.RunID, n.line.RunID)
	}
	for _, f := range n.line.Fields {
		putField(a, f)
	}
	if n.failure != nil {
		n.failure.put(a)
	}
}

// put says how a run failed, by the semantic conventions where there is something like an exception.
func (f *Failure) put(a pcommon.Map) {
	a.PutStr(attrs.RunOutcome, string(f.Outcome))
	var raised *run.PluginError
	if !errors.As(f.Err, &raised) {
		return
	}
	for _, v := range [...]struct{ key, value string }{
		{attrs.ExceptionType, raised.Type}, {attrs.ExceptionMessage, raised.Message}, {attrs.ExceptionStacktrace, raised.Traceback},
	} {
		if v.value != "" {
			a.PutStr(v.key, logs.KeepStart(v.value, maxText))
		}
	}
}

func severity(l zapcore.Level) plog.SeverityNumber {
	switch {
	case l < zap.InfoLevel:
		return plog.SeverityNumberDebug
	case l < zap.WarnLevel:
		return plog.SeverityNumberInfo
	case l < zap.ErrorLevel:
		return plog.SeverityNumberWarn
	}
	return plog.SeverityNumberError
}

// names are the attributes of what workers say of a line, which have names of their own.
var names = map[string]string{"logger": attrs.Logger, "stream": attrs.LogIOStream, "exception": attrs.ExceptionStacktrace}

// putField puts a field of a line; those of a Go plugin keep their names.
func putField(a pcommon.Map, f zap.Field) {
	key := f.Key
	if name := names[key]; name != "" {
		key = name
	}
	switch f.Type {
	case zapcore.StringType:
		a.PutStr(key, f.String)
	case zapcore.Int64Type:
		a.PutInt(key, f.Integer)
	case zapcore.BoolType:
		a.PutBool(key, f.Integer == 1)
	default:
		m := zapcore.NewMapObjectEncoder()
		f.AddTo(m)
		switch v := m.Fields[f.Key].(type) {
		case float64:
			a.PutDouble(key, v)
		case time.Time:
			a.PutStr(key, v.Format(time.RFC3339Nano))
		default:
			a.PutStr(key, logs.KeepStart(fmt.Sprint(v), maxText))
		}
	}
}
