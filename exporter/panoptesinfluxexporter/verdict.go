package panoptesinfluxexporter

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// Reasons for which groups are dropped (metadata.yaml).
const (
	reasonBackslash    = "backslash"
	reasonTypeConflict = "field_type_conflict"
	reasonRetention    = "beyond_retention"
	reasonSeriesLimit  = "series_limit"
	reasonUnparsable   = "unparsable"
	reasonTooLarge     = "too_large"
	reasonRejected     = "rejected"
	reasonUnauthorized = "unauthorized"
	reasonForbidden    = "forbidden"
	reasonNotFound     = "not_found"
)

// verdict is what InfluxDB's answer means for the groups of a request. The zero verdict is that all are written.
type verdict struct {
	// dropped is how many of them are lost, for the reason.
	dropped int
	reason  string
	// whole says that InfluxDB refused the request as a whole, not for a point of it, and all that it would refuse any.
	whole, all bool
	// err is what InfluxDB said, and what to do about it.
	err error
}

// maxRetryAfter bounds how long a server may ask to be left alone.
const maxRetryAfter = 5 * time.Minute

// judge reads the answer to a request of so many lines. An error asks for another attempt.
func (c *Config) judge(status int, header http.Header, answer []byte, lines int) (verdict, error) {
	if status/100 == 2 {
		return verdict{}, nil
	}
	full := text(answer)
	said := logs.KeepStart(full, maxTold)
	whole := verdict{dropped: lines, reason: reasonRejected, whole: true}
	switch {
	case partialStatus[status] && partialWrite.MatchString(full):
		return partial(full, lines), nil
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity || status == http.StatusInternalServerError && lasting.MatchString(full):
		whole.reason = reasonOf(said)
		whole.whole = whole.reason == reasonRejected
		whole.err = fmt.Errorf("InfluxDB refuses a request (%d): %s", status, said)
	case status == http.StatusUnauthorized:
		whole.all, whole.reason = true, reasonUnauthorized
		whole.err = fmt.Errorf("InfluxDB does not know the user, or the password is wrong (%d): %s: "+
			"check the extension that auth::authenticator names, or headers", status, said)
	case status == http.StatusForbidden:
		whole.all, whole.reason = true, reasonForbidden
		whole.err = fmt.Errorf("InfluxDB does not let the user write to database %q (%d): %s: grant it WRITE", c.Database, status, said)
	case status == http.StatusNotFound || strings.Contains(said, "retention policy not found"):
		whole.all, whole.reason = true, reasonNotFound
		whole.err = fmt.Errorf("InfluxDB has no database %q, no retention_policy %q, or endpoint %q is not its address (%d): %s: "+
			"create them, or correct these settings", c.Database, c.RetentionPolicy, c.Client.Endpoint, status, said)
	case status == http.StatusRequestEntityTooLarge:
		whole.reason, whole.whole = reasonTooLarge, false
		whole.err = fmt.Errorf("a point is larger than InfluxDB takes (%d): %s: raise its max-body-size", status, said)
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		err := fmt.Errorf("InfluxDB cannot take a request now (%d): %s", status, said)
		if wait := retryAfter(header.Get("Retry-After")); wait > 0 {
			return verdict{}, exporterhelper.NewThrottleRetry(err, wait)
		}
		return verdict{}, err
	default:
		whole.all = true
		whole.err = fmt.Errorf("endpoint %q does not answer as InfluxDB does (%d): %s: check it", c.Client.Endpoint, status, said)
	}
	return whole, nil
}

// partialWrite is how InfluxDB says that it took a part of a request only: version 1 with status 400, version 2 with 422, or
// 500, words before it, and 1.12 and 2.7 with the data base behind it.
var (
	partialWrite  = regexp.MustCompile(`(?s)^(?:(?:failure|unexpected error) writing points to database: )?partial write: (.*) dropped=(\d+)(?: for database: .*)?$`)
	partialStatus = map[int]bool{http.StatusBadRequest: true, http.StatusUnprocessableEntity: true, http.StatusInternalServerError: true}
)

// lasting is what InfluxDB 2 says with status 500 of a request that it will never take.
var lasting = regexp.MustCompile(`^unexpected error writing points to database: (?:engine: )?field type conflict`)

// partial reads how many points were dropped. For lines that cannot be parsed InfluxDB says 0, and names each.
func partial(said string, lines int) verdict {
	match := partialWrite.FindStringSubmatch(said)
	v := verdict{reason: reasonOf(match[1]), err: errors.New("InfluxDB drops points: " + logs.KeepStart(said, maxTold))}
	v.dropped, _ = strconv.Atoi(match[2])
	if v.reason == reasonUnparsable {
		v.dropped = strings.Count("\n"+match[1], "\n"+unparsable)
	}
	v.dropped = min(max(v.dropped, 0), lines)
	return v
}

const unparsable = "unable to parse "

func reasonOf(said string) string {
	for _, known := range [...]struct{ text, reason string }{
		{"field type conflict", reasonTypeConflict},
		{"points beyond retention policy", reasonRetention},
		{"points outside retention policy", reasonRetention},
		{"max-series-per-database", reasonSeriesLimit},
		{"max-values-per-tag", reasonSeriesLimit},
		{unparsable, reasonUnparsable},
	} {
		if strings.Contains(said, known.text) {
			return known.reason
		}
	}
	return reasonRejected
}

// text is what an answer says: InfluxDB's is {"error": "…"}, version 2's {"code": "…", "message": "…"}, what stands before it
// may answer anything.
func text(answer []byte) string {
	var object struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &object) == nil && object.Error+object.Message != "" {
		return cmp.Or(object.Error, object.Message)
	}
	return strings.TrimSpace(string(answer))
}

// maxTold bounds how much of an answer is told.
const maxTold = 1000

// retryAfter reads seconds, or a date; 0 is none.
func retryAfter(value string) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), maxRetryAfter)
}
