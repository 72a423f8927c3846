package table

import (
	"context"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Target is what is polled, and when.
type Target struct {
	Resource *pluginsdk.Resource
	Interval time.Duration
	// Now is the time of the run; it becomes the time of all metrics.
	Now time.Time
	// Boot is when the device started, as Program.Uptime tells it.
	Boot *Boot
	// Room is called before groups are made (run.Request); nil does not wait.
	Room func(context.Context)
}

// Result is what one run came to. The groups are the caller's.
type Result struct {
	Groups []*pluginsdk.MetricsGroup
	// Failures are the columns that did not come, or not as a whole.
	Failures []Failure
	// Dropped says how much was left out, by reason; none has no entry.
	Dropped map[Reason]int
	// Restarted says that the device has started anew since the run before.
	Restarted bool
}

// Failure is a column that was not fetched as a whole.
type Failure struct {
	OID ber.OID
	// Uses are the names of metrics and dimensions that want it.
	Uses []string
	// Rows is how many rows came before it failed.
	Rows int
	Err  error
}

// Reason is why something was left out: a closed list.
type Reason string

// Reasons.
const (
	// DropIndex: a row, whose index has not the parts that its description says.
	DropIndex Reason = "bad_index"
	// DropDimension: a row, since a dimension or a condition of it could not be fetched.
	DropDimension Reason = "dimension_not_fetched"
	// DropValue: a value that is no number, or no date.
	DropValue Reason = "no_number"
	// DropDuplicate: a value whose metric another row has with the same dimensions.
	DropDuplicate Reason = "duplicate"
	// DropInvalid: a row whose group breaks a rule of metrics groups.
	DropInvalid Reason = "invalid"
)
