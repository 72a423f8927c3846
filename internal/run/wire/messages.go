// Package wire has the messages of the plugin protocol that the host and processes of plugins exchange
// (docs/plugin-protocol.md), and what listens to them.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

// ProtocolVersion is the version of the plugin protocol that we speak.
const ProtocolVersion = 1

// codeRejected is the error of "describe" for a module that cannot be loaded.
const codeRejected = -32001

// Rejection is the error in the data of a rejected "describe".
func Rejection(err error) error {
	var e *rpc.Error
	if !errors.As(err, &e) || e.Code != codeRejected {
		return err
	}
	var data errorData
	_ = json.Unmarshal(e.Data, &data) // without it the message says enough
	if data.Message == "" {
		data.Message = e.Message
	}
	return data.error(e.Message)
}

// Answer is what a worker answers to "run".
type Answer struct {
	RunID      int64                `json:"run_id"`
	Outcome    string               `json:"outcome"`
	Groups     []json.RawMessage    `json:"groups"`
	Resources  json.RawMessage      `json:"resources"`
	Enrichment []run.EnrichmentItem `json:"enrichment"`
	Dropped    []dropped            `json:"dropped"`
	ResultType string               `json:"result_type"`
	Error      *errorData           `json:"error"`
	Clock      json.RawMessage      `json:"clock"`
	CPUSeconds float64              `json:"cpu_seconds"`
	PeakBytes  int64                `json:"peak_bytes"`
	Resident   int64                `json:"resident_bytes"`
}

// dropped is what a worker took out of a result.
type dropped struct {
	Group   string `json:"group"`
	Metric  string `json:"metric"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// errorData is an exception of a plugin, or why it was rejected.
type errorData struct {
	Type      string   `json:"type"`
	Bases     []string `json:"bases"`
	Message   string   `json:"message"`
	Traceback string   `json:"traceback"`
	File      string   `json:"file"`
	Line      int      `json:"line"`
}

// Types of errors that are the worker's own, not a plugin's.
const (
	errorTooLarge = "ResultTooLarge"
	errorRejected = "PluginRejected"
)

func (e *errorData) error(otherwise string) error {
	if e == nil || e.Type == "" && e.Message == "" {
		return errors.New(otherwise)
	}
	out := &run.PluginError{Type: e.Type, Bases: e.Bases, Message: e.Message, Traceback: e.Traceback}
	if out.Type == errorTooLarge || out.Type == errorRejected {
		out.Type = "" // the message says it all
	}
	if e.File != "" && !strings.Contains(e.Message, e.File) {
		out.Where = e.File
		if e.Line > 0 {
			out.Where = fmt.Sprintf("%s:%d", e.File, e.Line)
		}
	}
	return out
}

// resultTypes are what run of a Python plugin has to return.
var resultTypes = map[plugin.Type]string{
	plugin.TypePolling:    "PanoptesMetricsGroupSet",
	plugin.TypeDiscovery:  "PanoptesResourceSet",
	plugin.TypeEnrichment: "PanoptesEnrichmentGroupSet or PanoptesEnrichmentMultiGroupSet",
}

// Result is what the answer comes to. groups reads the metrics groups.
func (a *Answer) Result(c *run.Call, groups func([]json.RawMessage) run.Result) run.Result {
	result := a.result(c, groups)
	result.CPU = time.Duration(a.CPUSeconds * float64(time.Second))
	result.PeakMemory, result.Readings = a.PeakBytes, a.Clock
	return result
}

func (a *Answer) result(c *run.Call, groups func([]json.RawMessage) run.Result) run.Result {
	var result run.Result
	switch run.Outcome(a.Outcome) {
	case run.OutcomeOK:
		if c.Plugin.Type == plugin.TypePolling {
			result = groups(a.Groups)
		} else {
			result = a.findings(c)
		}
	case run.OutcomeNone:
		result.Outcome = run.OutcomeNone
	case run.OutcomeWrongType:
		return c.Failed(run.OutcomeWrongType,
			fmt.Errorf("run returned an unexpected result type %q: it must be a %s", a.ResultType, resultTypes[c.Plugin.Type]))
	case run.OutcomeRaised:
		if a.Error != nil && a.Error.Type == errorTooLarge {
			return c.Failed(run.OutcomeTooLarge, a.Error.error(""))
		}
		return c.Failed(run.OutcomeRaised, a.Error.error("the plugin raised an exception"))
	case run.OutcomeRejected:
		return c.Failed(run.OutcomeRejected, a.Error.error("the plugin's module cannot be loaded"))
	default:
		return c.Failed(run.OutcomeProtocol, fmt.Errorf("worker answered with the unknown outcome %q", a.Outcome))
	}
	for _, d := range a.Dropped {
		reason := d.Reason
		if reason != run.DropNotFinite && reason != run.DropDuplicate && reason != run.DropLimit {
			reason = run.DropInvalid
		}
		c.Drop(&result, run.Drop{Group: d.Group, Metric: d.Metric, Reason: reason, Err: errors.New(d.Message)})
	}
	return result
}

// findings are the resources or the enrichment that a plugin returned.
func (a *Answer) findings(c *run.Call) run.Result {
	result := run.Result{Outcome: run.OutcomeOK}
	if len(a.Resources) > 0 {
		list, errs := parse.ParseJSON(a.Resources, nil)
		result.Resources = list
		for _, err := range errs {
			c.Drop(&result, run.Drop{Reason: run.DropInvalid, Err: err})
		}
	}
	for _, item := range a.Enrichment {
		found, err := item.Check()
		if err != nil {
			c.Drop(&result, run.Drop{Group: item.Namespace, Reason: run.DropInvalid, Err: err})
			continue
		}
		result.Enrichment = append(result.Enrichment, found)
	}
	return result
}

// HostInfo names the program that runs plugins.
type HostInfo struct{ Name, Version string }

// Context is what Panoptes kept in panoptes.ini: all plugins see it.
type Context struct {
	Sites []string
	SNMP  map[string]any
	X509  map[string]any
}

// Hello is what a process is told first.
type Hello struct {
	Host HostInfo
	// LogLevel is the lowest level of lines that anybody takes.
	LogLevel string
	Context  Context
}

// Params are the parameters of "initialize" that all processes get. They are the caller's to add to.
func (h Hello) Params() map[string]any {
	sites, snmp, x509 := h.Context.Sites, h.Context.SNMP, h.Context.X509
	if sites == nil {
		sites = []string{}
	}
	if snmp == nil {
		snmp = map[string]any{}
	}
	if x509 == nil {
		x509 = map[string]any{}
	}
	return map[string]any{
		"protocol_version": ProtocolVersion,
		"host":             map[string]any{"name": h.Host.Name, "version": h.Host.Version},
		"log_level":        h.LogLevel,
		"context":          map[string]any{"sites": sites, "snmp": snmp, "x509": x509},
	}
}
