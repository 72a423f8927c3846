package run

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Outcome says how a run ended. The list is closed: it is an attribute of metrics.
type Outcome string

const (
	// OutcomeOK: the plugin returned a set of groups, which may be empty.
	OutcomeOK Outcome = "ok"
	// OutcomeNone: the plugin returned None, or pluginsdk.ErrNoResults.
	OutcomeNone Outcome = "none"
	// OutcomeWrongType: the plugin returned something that is no set of metrics groups.
	OutcomeWrongType Outcome = "wrong_type"
	// OutcomeRaised: the plugin raised an exception, or returned an error.
	OutcomeRaised Outcome = "raised"
	// OutcomePanicked: a Go plugin panicked.
	OutcomePanicked Outcome = "panicked"
	// OutcomeRejected: the plugin's module cannot be loaded, has no plugin class, or the class cannot be made.
	OutcomeRejected Outcome = "rejected"
	// OutcomeTimeout: the run went past its deadline.
	OutcomeTimeout Outcome = "timeout"
	// OutcomeCrashed: the process of the plugin ended in the middle of the run.
	OutcomeCrashed Outcome = "crashed"
	// OutcomeTooLarge: the result is over a limit of size.
	OutcomeTooLarge Outcome = "too_large"
	// OutcomeProtocol: what came back does not keep to the plugin protocol.
	OutcomeProtocol Outcome = "protocol"
	// OutcomeUnavailable: the runtime could not be started, such as without a Python interpreter.
	OutcomeUnavailable Outcome = "unavailable"
	// OutcomeBusy: an earlier run of the plugin against the resource was given up and has not ended yet.
	OutcomeBusy Outcome = "busy"
	// OutcomeCanceled: the caller gave the run up, as at shutdown.
	OutcomeCanceled Outcome = "canceled"
)

// Outcomes are all outcomes, in the order of docs/runtimes.md.
var Outcomes = []Outcome{
	OutcomeOK, OutcomeNone, OutcomeWrongType, OutcomeRaised, OutcomePanicked, OutcomeRejected, OutcomeTimeout,
	OutcomeCrashed, OutcomeTooLarge, OutcomeProtocol, OutcomeUnavailable, OutcomeBusy, OutcomeCanceled,
}

// Failed says whether o is to be shown as an error. A plugin that has nothing to say has not failed.
func (o Outcome) Failed() bool { return o != OutcomeOK && o != OutcomeNone }

// Result is what one run came to. The groups are the caller's.
type Result struct {
	// RunID is the run's number, which its log lines have, too.
	RunID   int64
	Outcome Outcome
	// Groups are the valid groups, in the plugin's order. Groups without metrics are among them.
	Groups []*pluginsdk.MetricsGroup
	// Resources are what a discovery plugin found.
	Resources []*pluginsdk.Resource
	// Enrichment is what an enrichment plugin found out.
	Enrichment []Enrichment
	// Dropped is what was taken out of the result, group by group or metric by metric.
	Dropped []Drop
	// Check is what a check of Nagios' kind said; nil for any other plugin.
	Check *Check
	// Err says what happened where Outcome.Failed(): it names the plugin, the resource and the cause. Otherwise nil.
	Err error
	// Duration is the wall-clock time of the run without the wait for a free worker.
	Duration time.Duration
	// CPU is the processor time of the run in its worker, and of programs that it waited for; 0 where it is not known (Go
	// plugins).
	CPU time.Duration
	// Readings are what clocks said to a Python plugin, where Request.Clock asks for them.
	Readings json.RawMessage
	// PeakMemory is the most bytes of memory that the worker had during the run; 0 where it is not known.
	PeakMemory int64
}

// Reasons of a Drop: a closed list, as it is an attribute of metrics. Workers may report further ones, which come
// out as DropInvalid.
const (
	// DropInvalid: the group, resource or enrichment breaks a rule of docs/panoptes/formats.md.
	DropInvalid = "invalid"
	// DropNotFinite: the metric's value is NaN or infinite.
	DropNotFinite = "not_finite"
	// DropDuplicate: the same group is there already.
	DropDuplicate = "duplicate"
	// DropLimit: the run made more groups than the limit, or one is over a limit of size.
	DropLimit = "limit"
	// DropContract: the group or the metric is not what the plugin's contract says.
	DropContract = "contract"
	// DropNotFetched: what an SNMP column would have given that did not come, or not as a whole.
	DropNotFetched = "not_fetched"
)

// DropReasons are all of them.
var DropReasons = []string{DropInvalid, DropNotFinite, DropDuplicate, DropLimit, DropContract, DropNotFetched}

// Drop is one group, or one metric of a group, that is not passed on.
type Drop struct {
	// Group is the type of the group, "" where it is not known.
	Group string
	// Metric is the name of the metric, "" where the whole group is dropped.
	Metric string
	// Reason is one of the Drop constants.
	Reason string
	// More is how many further things are dropped for reasons like it, for which there is no Drop of their own.
	More int
	// Err names the plugin, the resource, the group, the field and the rule.
	Err error
}

// Check is what a check of Nagios' kind said of its resource.
type Check struct {
	// State is 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN).
	State int
	// Text is what it wrote for people.
	Text string
}

// PluginError is what a plugin raised. Its text is one line; the traceback is apart.
type PluginError struct {
	// Type is the exception's class, or the kind of rejection (import_error, no_class, ...).
	Type string
	// Bases are the classes that the exception's derives from, the nearest first, without Exception itself.
	Bases []string
	// Where is the file and line, for what went wrong while a module was loaded.
	Where string
	// Message is the exception's text.
	Message string
	// Traceback is Python's traceback, or the stack of a Go panic.
	Traceback string
}

func (e *PluginError) Error() string {
	parts := []string{e.Where, e.Type, e.Message}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}
