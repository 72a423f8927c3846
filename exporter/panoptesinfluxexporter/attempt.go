package panoptesinfluxexporter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// attempt is one way of a batch of metrics to InfluxDB, in as many requests as it takes. It belongs to one goroutine.
type attempt struct {
	exporter *influxExporter
	ctx      context.Context

	// body holds the lines of the next request. It is made anew for each, since a transport may read from it beyond the answer.
	body []byte
	ends []int // of the lines in body

	came        map[string]int64 // lines, by plugin
	sent, bytes int
	dropped     map[string]int // groups, by reason
	// refused is why InfluxDB refused the last of the requests that it refused as a whole.
	refused error
	// closed is, after an answer that would be the same for all groups, the reason they are dropped for.
	closed string
}

// add takes the line of a group, and sends what is there when there is enough. Its errors ask for another attempt.
func (a *attempt) add(m *panoptesjson.Message) error {
	if m.Err != nil {
		a.drop(reasonBackslash, 1)
		a.exporter.telemetry.noLine(m)
		return nil
	}
	a.came[m.Plugin]++
	limits := &a.exporter.cfg.Request
	if len(a.ends) == limits.MaxPoints || len(a.ends) > 0 && len(a.body)+len(m.Line)+1 > limits.MaxBytes {
		if err := a.flush(); err != nil {
			return err
		}
	}
	if a.closed != "" {
		a.drop(a.closed, 1)
		return nil
	}
	if a.body == nil {
		a.body = make([]byte, 0, int(a.exporter.lastBody.Load())+len(m.Line)+1)
	}
	a.body = append(append(a.body, m.Line...), '\n')
	a.ends = append(a.ends, len(a.body))
	return nil
}

// flush sends the lines that were added.
func (a *attempt) flush() error {
	if len(a.ends) == 0 {
		return nil
	}
	a.exporter.lastBody.Store(int64(len(a.body)))
	err := a.write(0, a.ends)
	a.body, a.ends = nil, a.ends[:0]
	return err
}

// write sends the lines that end at ends, the first of which begins at begin.
func (a *attempt) write(begin int, ends []int) error {
	n := len(ends)
	body := a.body[begin:ends[n-1]]
	if a.closed != "" {
		a.drop(a.closed, n)
		return nil
	}
	v, err := a.exporter.post(a.ctx, body, n)
	switch {
	case err != nil:
		return err
	case v.reason == reasonTooLarge && n > 1:
		if err := a.write(begin, ends[:n/2]); err != nil {
			return err
		}
		return a.write(ends[n/2-1], ends[n/2:])
	}
	a.exporter.drain.Took()
	a.sent += n - v.dropped
	if v.dropped < n {
		a.bytes += len(body)
	}
	if v.reason != "" {
		a.drop(v.reason, v.dropped)
		a.exporter.telemetry.refused(v)
	}
	if v.whole {
		a.refused = v.err
	}
	if v.all {
		a.closed = v.reason
		a.exporter.attempted(v.err)
	} else {
		a.exporter.attempted(nil)
	}
	return nil
}

func (a *attempt) drop(reason string, groups int) {
	if a.dropped == nil {
		a.dropped = map[string]int{}
	}
	a.dropped[reason] += groups
}

// refusal is the error of an attempt after which nothing is left to be tried: permanent where InfluxDB refused a request as
// a whole. Groups that are dropped by themselves are no error, since the others of their request are written.
func (a *attempt) refusal() error {
	if a.refused == nil {
		return nil
	}
	total := a.sent
	for _, n := range a.dropped {
		total += n
	}
	return consumererror.NewPermanent(fmt.Errorf("%d of %d metrics groups are dropped: %w", total-a.sent, total, a.refused))
}

// maxAnswer bounds what is read of an answer. InfluxDB repeats each line that it cannot parse.
const maxAnswer = 1 << 20

// post sends a request of so many lines. Its errors ask for another attempt.
func (e *influxExporter) post(ctx context.Context, body []byte, lines int) (verdict, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return verdict{}, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("User-Agent", e.agent)
	resp, err := e.client.Do(req)
	if err != nil {
		return verdict{}, fmt.Errorf("cannot write to InfluxDB: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 != 2 { // what a proxy sends back of the request must not be told
		known := &logs.Scrubber{}
		known.AddAnswered(resp)
		if err != nil {
			return verdict{}, known.Error(fmt.Errorf("cannot read InfluxDB's answer (%s): %w", logs.OneLine(resp.Status), err))
		}
		answer = []byte(known.Clean(string(answer)))
	}
	return e.cfg.judge(resp.StatusCode, resp.Header, answer, lines)
}
