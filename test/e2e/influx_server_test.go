//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const influxdConf = `
reporting-disabled = true
bind-address = "127.0.0.1:%[2]d"
[meta]
dir = "%[1]s/meta"
[data]
dir = "%[1]s/data"
wal-dir = "%[1]s/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:%[3]d"
auth-enabled = true
log-enabled = false
[monitor]
store-enabled = false
`

// influxServer is a real InfluxDB on loopback, that knows its users.
type influxServer struct {
	*process
	program, dir, url string
}

// newInflux starts InfluxDB with an administrator, who is who queries.
func newInflux(t *testing.T) *influxServer {
	t.Helper()
	s := &influxServer{program: debianCommands(t, "PANOPTES_REQUIRE_INFLUXDB", "influxdb", "influxd")[0], dir: t.TempDir()}
	port := freePort(t)
	s.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	write(t, filepath.Join(s.dir, "influxdb.conf"), fmt.Sprintf(influxdConf, s.dir, freePort(t), port))
	s.start(t)
	s.query(t, "", `CREATE USER "admin" WITH PASSWORD 'admin' WITH ALL PRIVILEGES`)
	return s
}

func (s *influxServer) start(t *testing.T) {
	t.Helper()
	s.process = start(t, nil, s.program, "-config", filepath.Join(s.dir, "influxdb.conf"))
	waitFor(t, "InfluxDB is ready", func() (bool, string) {
		resp, err := http.Get(s.url + "/ping")
		if err != nil {
			return false, err.Error()
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusNoContent, resp.Status
	})
}

// influxSeries is one series of an answer.
type influxSeries struct {
	Name    string
	Tags    map[string]string
	Columns []string
	Values  [][]any
}

// column are the values of a column.
func (s influxSeries) column(t *testing.T, name string) (values []any) {
	t.Helper()
	for i, c := range s.Columns {
		if c == name {
			for _, row := range s.Values {
				values = append(values, row[i])
			}
			return values
		}
	}
	require.Fail(t, "no such column", "%s is not in %v", name, s.Columns)
	return nil
}

// query runs statements as the administrator, and returns the series of all of them. Times are in seconds.
func (s *influxServer) query(t *testing.T, database, statements string) (series []influxSeries) {
	t.Helper()
	series, err := s.tryQuery(t.Context(), database, statements)
	require.NoError(t, err, statements)
	return series
}

func (s *influxServer) tryQuery(ctx context.Context, database, statements string) (series []influxSeries, err error) {
	form := url.Values{"q": {statements}, "db": {database}, "epoch": {"s"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("admin", "admin")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string
		Results []struct {
			Error  string
			Series []influxSeries
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	for _, r := range answer.Results {
		answer.Error += r.Error
		series = append(series, r.Series...)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("InfluxDB: %s", answer.Error)
	}
	return series, nil
}

// writeLine writes a line as somebody else would.
func (s *influxServer) writeLine(t *testing.T, database, line string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/write?precision=s&db="+database, strings.NewReader(line))
	require.NoError(t, err)
	req.SetBasicAuth("admin", "admin")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
}
